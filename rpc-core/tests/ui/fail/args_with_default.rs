use rpc_core::prelude::*;

struct Greeter;

#[rpc]
impl Greeter {
    #[rpc]
    async fn hello(&self, #[rpc(args, default)] rest: Vec<u8>, #[rpc(keyword, kwargs)] extra: serde_json::Map<String, serde_json::Value>) {}
}

fn main() {}
