use rpc_core::prelude::*;

async fn greet() -> Result<String, rpc_core::CallError> {
    call!(greeting_service.hello("Bob")).await
}

fn main() {}
