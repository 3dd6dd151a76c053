use rpc_core::prelude::*;

struct Greeter;

#[rpc]
impl Greeter {
    #[rpc(http(GET, "/v1/hello/{name}"))]
    async fn hello(&self, name: String) {}

    #[rpc(http(GET, "/v1/hello/{id}"))]
    async fn hello_again(&self, id: u32) {}
}

fn main() {}
