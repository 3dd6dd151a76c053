//! A service says what happened; who listens is none of its business.
//!
//! ```text
//! $ cargo run -q --example events
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
        Ok(ctx.emit("counted", (1,)).await?)
    }

    #[event_handler("user_service.signed_up")]
    async fn welcome(&self, name: &str) {
        println!("welcome, {name}");
    }

    #[event_handler("user_service.*", mode = "broadcast")]
    async fn audit(&self, #[rpc(args)] _rest: Vec<serde_json::Value>) {}
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let app = TestApp::start(UserService).await;
    app.raw("user_service.sign_up", r#"[["Bob"]]"#)
        .await
        .reply();
    app.wait_for("user_service.welcome").await;
    app.wait_for("user_service.audit").times(2).await;
    println!("the audit has seen 2 events");
}
