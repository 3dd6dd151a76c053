//! A contract: a trait in a crate of its own, which a service implements and clients call.
//!
//! ```text
//! $ cargo run -q --example contract
//! greeting.hello, version 1.2.0
//! Hello, Bob Ross
//! ```

use greeting_contract::{Greeting, GreetingClient};
use rpc_core::CallError;
use rpc_core::prelude::*;
use rpc_core::testing::TestApp;

struct GreetingService;

// Names, options, defaults and documentation come from the contract.
#[rpc]
impl Greeting for GreetingService {
    async fn hello(&self, first_name: &str, last_name: &str) -> String {
        format!("Hello, {first_name} {last_name}").trim().to_owned()
    }
}

#[tokio::main]
async fn main() -> Result<(), CallError> {
    let hello = &GreetingService::endpoints()[0];
    println!("{}, version {}", hello.subject(), GreetingService::VERSION);

    let app = TestApp::start(GreetingService).await; // on a broker of its own
    let greeting = GreetingClient::new(app.client());
    println!("{}", greeting.hello("Bob").last_name("Ross").await?);
    Ok(())
}
