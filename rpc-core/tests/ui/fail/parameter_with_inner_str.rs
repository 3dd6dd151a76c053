use rpc_core::prelude::*;

struct Greeter;

#[rpc]
impl Greeter {
    #[rpc]
    async fn hello(&self, names: Vec<&str>, blobs: Option<Vec<&[u8]>>) {}
}

fn main() {}
