use rpc_core::prelude::*;

async fn greet(client: rpc_core::Client) -> Result<String, rpc_core::CallError> {
    call!(client, greeting_service.hello(last_name = "Ross", "Bob")).await
}

fn main() {}
