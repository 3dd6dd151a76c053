//! A service says what happened; who listens is none of its business.
//!
//! $ cargo run -q --example events
//! ```text
//! welcome, Bob
//! the audit has seen 2 events
//! ```

use rpc_core::prelude::*;
use rpc_core::testing::TestApp;

struct UserService;

#[rpc]
impl UserService {
    #[rpc]
    async fn sign_up(&self, ctx: &Context, name: &str) -> Result<(), RpcError> {
        ctx.emit("signed_up", (name,)).await?;
        ctx.emit("counted", ()).kwarg("users", 1).await?;
        Ok(())
    }

    #[event_handler("user_service.signed_up")]
    async fn welcome(&self, name: &str) {
        println!("welcome, {name}");
    }

    #[event_handler("user_service.*", mode = "broadcast")]
    async fn audit(
        &self,
        #[rpc(kwargs)] _more: serde_json::Map<String, serde_json::Value>,
        #[rpc(args)] _rest: Vec<String>,
    ) {
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let app = TestApp::start(UserService).await;
    app.client()
        .call::<()>("user_service.sign_up")
        .arg("Bob")
        .await?;
    app.wait_for("user_service.welcome").await;
    app.wait_for("user_service.audit").times(2).await;
    println!("the audit has seen 2 events");
    Ok(())
}
