use rpc_core::prelude::*;

#[rpc]
trait Greeting {
    #[rpc]
    async fn hello(&self, name: &str) -> String;
    #[rpc]
    async fn goodbye(&self) {}
}

struct Greeter;

#[rpc]
impl Greeting for Greeter {
    async fn hello(&self, name: &str) -> String {
        name.to_owned()
    }

    async fn welcome(&self) {}
}

fn main() {}
