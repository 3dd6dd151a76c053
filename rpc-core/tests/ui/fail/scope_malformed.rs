use rpc_core::prelude::*;

struct Greeter;

#[rpc]
impl Greeter {
    #[rpc(scopes("user:read user:write"))]
    async fn hello(&self) {}
}

fn main() {}
