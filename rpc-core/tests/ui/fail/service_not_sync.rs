use std::cell::Cell;

use rpc_core::prelude::*;

struct Greeter {
    calls: Cell<u64>,
}

#[rpc]
impl Greeter {
    #[rpc]
    async fn hello(&self) {}
}

fn main() {}
