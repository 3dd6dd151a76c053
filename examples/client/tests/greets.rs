//! The program calls a service that it knows nothing of but the contract.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::process::Command;

use greeting_contract::Greeting;
use rpc_core::prelude::*;
use rpc_core::testing::TestApp;

struct GreetingService;

#[rpc]
impl Greeting for GreetingService {
    async fn hello(&self, first_name: &str, last_name: &str) -> String {
        format!("Hello, {first_name} {last_name}").trim().to_owned()
    }
}

#[tokio::test]
async fn the_program_prints_what_the_service_says() {
    let app = TestApp::start(GreetingService).await;
    for (names, expected) in [
        (&["Bob"][..], "Hello, Bob\n"),
        (&["Bob", "Ross"], "Hello, Bob Ross\n"),
    ] {
        let mut program = Command::new(env!("CARGO_BIN_EXE_greeting-client"));
        let output = program
            .args(names)
            .env("NATS_URL", app.url())
            .output()
            .unwrap();
        let error = String::from_utf8_lossy(&output.stderr);
        assert_eq!(String::from_utf8_lossy(&output.stdout), expected, "{error}");
        assert!(output.status.success(), "{error}");
    }
}
