use rpc_core::prelude::*;

#[rpc]
trait Greeting {
    #[rpc]
    async fn hello(&self, name: &str) -> String;
    #[rpc]
    async fn goodbye(&self) {}
}

struct Greeter;

#[rpc(name = "greeter", version = "1")]
impl Greeting for Greeter {
    #[rpc(timeout = "1s")]
    async fn hello(&self, #[rpc(default)] name: &str) -> String {
        name.to_owned()
    }
}

fn main() {}
