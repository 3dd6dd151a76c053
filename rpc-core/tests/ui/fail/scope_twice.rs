use rpc_core::prelude::*;

struct Greeter;

#[rpc]
impl Greeter {
    #[rpc(scopes("user:read", "user:write", "user:read"))]
    async fn hello(&self) {}
}

fn main() {}
