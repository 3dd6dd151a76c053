use rpc_core::prelude::*;

#[rpc]
struct Greeter;

fn main() {}
