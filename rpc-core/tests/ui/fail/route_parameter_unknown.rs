use rpc_core::prelude::*;

struct Greeter;

#[rpc]
impl Greeter {
    #[rpc(http(GET, "/v1/hello/{nmae}"))]
    async fn hello(&self, name: String) {}
}

fn main() {}
