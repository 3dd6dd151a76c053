use rpc_core::prelude::*;

struct Greeter;

struct Oops;

#[rpc]
impl Greeter {
    #[rpc]
    async fn hello(&self) -> Result<u8, Oops> { Err(Oops) }
}

fn main() {}
