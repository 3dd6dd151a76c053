use rpc_core::prelude::*;

struct Greeter;

#[rpc]
impl Greeter {
    #[rpc]
    fn hello(&self) -> u8 { 0 }
}

fn main() {}
