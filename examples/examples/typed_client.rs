//! A typed client: a method for each rpc method, which gives the method's own errors back.
//!
//! ```text
//! $ cargo run -q --example typed_client
//! No. 7 is Bob Ross
//! there is no user 8
//! ```

use rpc_core::prelude::*;
use rpc_core::{CallError, testing::TestApp};

#[derive(Debug, thiserror::Error, RpcError)]
enum UserError {
    #[error("no user {id}")]
    #[rpc(code = "user.not_found", status = 404)]
    NotFound { id: i64 },
}

struct UserService;

#[rpc]
impl UserService {
    #[rpc]
    async fn name(&self, id: i64, #[rpc(default = "")] title: &str) -> Result<String, UserError> {
        let bob = format!("{title} Bob Ross").trim().to_owned();
        (id == 7).then_some(bob).ok_or(UserError::NotFound { id })
    }
}

#[tokio::main]
async fn main() -> Result<(), CallError<UserError>> {
    let app = TestApp::start(UserService).await; // on a broker of its own
    let users = UserServiceClient::new(app.client());
    println!("{}", users.name(7).title("No. 7 is").await?);
    if let Err(CallError::Service(UserError::NotFound { id })) = users.name(8).await {
        println!("there is no user {id}");
    }
    Ok(())
}
