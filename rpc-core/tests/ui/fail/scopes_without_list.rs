use rpc_core::prelude::*;

struct Greeter;

#[rpc]
impl Greeter {
    #[rpc(scopes = "user:write")]
    async fn hello(&self) {}
}

fn main() {}
