//! A layer of one's own, around every method of a runner; docs/middleware.md says more.
//!
//! ```console
//! $ cargo run --bin layer
//! greeting_service.hello ended well
//! ```

use examples::greeting_service::GreetingService;
use rpc_core::middleware::{Request, RpcService, layer_fn};
use rpc_core::{Config, Runner, protocol::WireReply};

struct Tell<S>(S);

impl<S: RpcService> RpcService for Tell<S> {
    type Error = S::Error;

    async fn call(&self, request: Request) -> Result<WireReply, S::Error> {
        let subject = request.subject().to_owned();
        let result = self.0.call(request).await;
        let how = if result.is_ok() { "well" } else { "badly" };
        println!("{subject} ended {how}");
        result
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let port = 0;
    let broker = rpc_broker::Config {
        port,
        ..Default::default()
    };
    let broker = rpc_broker::EmbeddedBroker::start(broker)?;
    let runner = Runner::new(Config::new(&broker.url())).layer(layer_fn(Tell));
    let running = runner.service(GreetingService).start().await?;
    let hello = running.client().call("greeting_service.hello");
    let _: String = hello.arg("Bob").await?;
    running.stop().await;
    Ok(())
}
