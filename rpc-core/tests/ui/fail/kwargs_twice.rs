use std::collections::HashMap;

use rpc_core::prelude::*;

struct Greeter;

#[rpc]
impl Greeter {
    #[rpc]
    async fn hello(&self, #[rpc(kwargs)] a: HashMap<String, u8>, #[rpc(kwargs)] b: HashMap<String, u8>) {}
}

fn main() {}
