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
        let name = std::rc::Rc::new(name.to_owned());
        self.goodbye().await;
        (*name).clone()
    }
}

fn main() {}
