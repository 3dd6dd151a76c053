use rpc_core::prelude::*;

struct Greeter;

#[rpc]
impl Greeter {
    #[rpc]
    async unsafe fn hello(&self) {}
}

fn main() {}
