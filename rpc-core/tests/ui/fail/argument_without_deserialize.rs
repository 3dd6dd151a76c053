use rpc_core::prelude::*;

struct Greeter;

#[derive(Clone)]
struct NotDe;

#[rpc]
impl Greeter {
    #[rpc]
    async fn hello(&self, name: &str, a: NotDe, b: Option<NotDe>, c: &NotDe, d: Vec<NotDe>) {}
}

fn main() {}
