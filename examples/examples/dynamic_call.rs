//! Calls by name, where no type of the service is at hand.
//!
//! ```text
//! $ cargo run -q --example dynamic_call
//! Hello, Bob Ross
//! Hello, Bob
//! `greeting_service` has no method `hallo`, did you mean `greeting_service.hello`?
//! ```

use rpc_core::prelude::*;
use rpc_core::{CallError, testing::TestApp};

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

    let subject = "greeting_service.hello"; // which may be known at run time only
    let text: String = client.call(subject).arg("Bob").await?;
    println!("{text}");

    if let Err(error) = call!(client, greeting_service.hallo("Bob")).await as Result<(), _> {
        println!("{error}");
    }
    Ok(())
}
