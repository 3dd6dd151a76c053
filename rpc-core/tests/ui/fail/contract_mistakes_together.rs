use rpc_core::prelude::*;

#[rpc(nmae = "greeter")]
trait Greeting {
    #[rpc]
    fn hello(&self);
    #[rpc(timeout = "soon")]
    async fn goodbye(&mut self, name: &mut str);
}

struct Greeter;

#[rpc]
impl Greeting for Greeter {
    fn hello(&self) {}
    async fn goodbye(&mut self, name: &mut str) {
        _ = name;
    }
}

fn main() {}
