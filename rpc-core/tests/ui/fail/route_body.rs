use rpc_core::prelude::*;

struct Greeter;

#[rpc]
impl Greeter {
    #[rpc(http(GET, "/v1/a"))]
    async fn get(&self, #[rpc(body)] what: String) {}

    #[rpc]
    async fn no_route(&self, #[rpc(body)] what: String) {}

    #[rpc(http(POST, "/v1/b/{what}"))]
    async fn in_path(&self, #[rpc(body)] what: String) {}

    #[rpc(http(POST, "/v1/c"))]
    async fn two(&self, #[rpc(body)] one: String, #[rpc(body)] two: String) {}

    #[rpc(http(POST, "/v1/d/{rest}"))]
    async fn collects(&self, #[rpc(args)] rest: Vec<String>) {}
}

fn main() {}
