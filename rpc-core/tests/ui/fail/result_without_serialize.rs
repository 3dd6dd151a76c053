use rpc_core::prelude::*;

struct Greeter;

struct NotSer;

#[rpc]
impl Greeter {
    #[rpc]
    async fn hello(&self) -> NotSer { NotSer }

    #[rpc]
    async fn goodbye(&self) -> Result<NotSer, RpcError> { Ok(NotSer) }
}

fn main() {}
