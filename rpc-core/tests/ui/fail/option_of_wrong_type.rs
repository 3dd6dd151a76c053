use rpc_core::prelude::*;

struct Greeter;

#[rpc(name = greeter, crate = "rpc_core", version)]
impl Greeter {
    #[rpc(limit = "many", queue = -1, when_full, blocking = 4, internal = true, safe(yes), timeout = 15)]
    async fn hello(&self, #[rpc(rename = b, default(5))] a: u8) {}
}

fn main() {}
