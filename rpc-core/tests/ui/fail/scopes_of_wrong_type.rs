use rpc_core::prelude::*;

struct Greeter;

#[rpc]
impl Greeter {
    #[rpc(scopes(user, "b"))]
    async fn hello(&self) {}
}

fn main() {}
