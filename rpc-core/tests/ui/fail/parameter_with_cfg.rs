use rpc_core::prelude::*;

struct Greeter;

#[rpc]
impl Greeter {
    #[rpc]
    async fn hello(&self, #[cfg(unix)] name: &str) {}
}

fn main() {}
