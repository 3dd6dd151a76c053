//! Calls by name, where no type of the service is at hand.
//!
//! ```text
//! $ cargo run -q --example dynamic_call
//! Hello, Bob Ross
//! Hello, Bob
//! not_found: `greeting_service` has no method `hallo`, did you mean `greeting_service.hello`?
//! ```

use rpc_core::CallError;
use rpc_core::prelude::*;
use rpc_core::testing::TestApp;

struct GreetingService;

#[rpc]
impl GreetingService {
    #[rpc]
    async fn hello(&self, first_name: &str, #[rpc(default)] last_name: &str) -> String {
        format!("Hello, {first_name} {last_name}").trim().to_owned()
    }
}

#[tokio::main]
async fn main() -> Result<(), CallError> {
    let app = TestApp::start(GreetingService).await; // on a broker of its own
    let client = app.client();

    let text: String = call!(client, greeting_service.hello("Bob", last_name = "Ross")).await?;
    println!("{text}");

    // The same, for a name that is only known at run time.
    let subject = format!("{}.{}", "greeting_service", "hello");
    let text: String = client.call(subject).arg("Bob").await?;
    println!("{text}");

    let mistake: Result<String, _> = call!(client, greeting_service.hallo("Bob")).await;
    println!("{}", RpcError::from(mistake.unwrap_err()));
    Ok(())
}
