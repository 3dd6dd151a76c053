use rpc_core::prelude::*;

struct Greeter;

#[derive(serde::Deserialize)]
struct Page;

#[rpc]
impl Greeter {
    #[rpc]
    async fn hello(&self, #[rpc(default)] page: Page) {}
}

fn main() {}
