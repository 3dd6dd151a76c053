//! What a service does before its first call and after its last.
//!
//! ```text
//! $ cargo run -q --example lifecycle
//! open
//! Hello, Bob
//! close
//! ```
use rpc_core::prelude::*;
use rpc_core::testing::TestApp;

struct Greeter;

#[rpc]
impl Greeter {
    #[on_start]
    async fn open(&self) -> Result<(), String> {
        println!("open");
        Ok(())
    }

    #[rpc]
    async fn hello(&self, name: &str) -> String {
        format!("Hello, {name}")
    }

    #[on_stop]
    async fn close(&self) {
        println!("close");
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let app = TestApp::start(Greeter).await;
    let text: String = app.client().call("greeter.hello").arg("Bob").await?;
    println!("{text}");
    app.stop().await;
    Ok(())
}
