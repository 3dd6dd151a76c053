//! A typed client: a method for each rpc method, which gives the method's own errors back.
//!
//! ```text
//! $ cargo run -q --example typed_client
//! Hello, Bob Ross
//! nobody is called Nobody
//! ```

use rpc_core::CallError;
use rpc_core::prelude::*;
use rpc_core::testing::TestApp;

#[derive(Debug, thiserror::Error, RpcError)]
enum GreetingError {
    #[error("nobody is called {name}")]
    #[rpc(code = "greeting.nobody", status = 404)]
    Nobody { name: String },
}

struct GreetingService;

#[rpc]
impl GreetingService {
    #[rpc]
    async fn hello(
        &self,
        first_name: &str,
        #[rpc(default)] last_name: &str,
    ) -> Result<String, GreetingError> {
        match first_name {
            "Nobody" => Err(GreetingError::Nobody {
                name: first_name.to_owned(),
            }),
            name => Ok(format!("Hello, {name} {last_name}").trim().to_owned()),
        }
    }
}

#[tokio::main]
async fn main() -> Result<(), CallError<GreetingError>> {
    let app = TestApp::start(GreetingService).await; // on a broker of its own
    let greeting = GreetingServiceClient::new(app.client());
    println!("{}", greeting.hello("Bob").last_name("Ross").await?);
    match greeting.hello("Nobody").await {
        Err(CallError::Service(GreetingError::Nobody { name })) => {
            println!("nobody is called {name}")
        }
        other => println!("{}", other?),
    }
    Ok(())
}
