use rpc_core::prelude::*;

struct Greeter;

#[rpc(prefix = "$SYS.>")]
impl Greeter {
    #[rpc]
    async fn hello(&self) {}
}

fn main() {}
