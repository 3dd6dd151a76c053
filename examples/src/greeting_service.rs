//! Run it with `cargo run`, then call it:
//!
//! ```console
//! $ curl -X POST http://127.0.0.1:5000/greeting_service.hello -d '[["Bob"], {"last_name": "Ross"}]'
//! [["Hello, Bob Ross"], {}]
//! $ curl 'http://127.0.0.1:5000/v1/greeting/Bob?last_name=Ross'
//! "Hello, Bob Ross"
//! ```

use std::time::Duration;

use rpc_core::prelude::*;

/// A service without state.
#[derive(Debug, Default)]
pub struct GreetingService;

/// Greets people.
#[rpc(name = "greeting_service", version = "1.0.0")]
impl GreetingService {
    /// Says hello.
    #[rpc(http(GET, "/v1/greeting/{first_name}"))]
    pub async fn hello(&self, first_name: &str, #[rpc(default)] last_name: &str) -> String {
        format!("Hello, {first_name} {last_name}").trim().to_owned()
    }

    /// Says hello after ten seconds; other calls are answered meanwhile.
    #[rpc(timeout = "15s", http(POST, "/v1/slow-greeting"))]
    pub async fn hello_sleep(&self, name: &str) -> String {
        tokio::time::sleep(Duration::from_secs(10)).await;
        format!("Hello, {name}")
    }
}
