use rpc_core::prelude::*;

struct Greeter;

#[rpc]
impl Clone for Greeter {
    fn clone(&self) -> Self {
        Greeter
    }
}

fn main() {}
