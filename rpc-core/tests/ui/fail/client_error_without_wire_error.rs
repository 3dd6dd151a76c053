use rpc_core::prelude::*;

struct Oops;

impl From<Oops> for RpcError {
    fn from(_: Oops) -> Self {
        RpcError::not_found("oops")
    }
}

struct Greeter;

#[rpc]
impl Greeter {
    #[rpc]
    async fn hello(&self) -> Result<String, Oops> {
        Err(Oops)
    }
}

async fn call(client: &GreeterClient) {
    let _ = client.hello().await;
}

fn main() {}
