use std::rc::Rc;

use rpc_core::prelude::*;

struct Greeter;

#[rpc]
impl Greeter {
    #[rpc]
    async fn hello(&self) {
        let shared = Rc::new(5);
        std::future::ready(()).await;
        drop(shared);
    }
}

fn main() {}
