use rpc_core::prelude::*;

struct Greeter;

#[rpc]
impl Greeter {
    #[rpc(time_out = "1s", colour = "red")]
    async fn hello(&self) {}
}

fn main() {}
