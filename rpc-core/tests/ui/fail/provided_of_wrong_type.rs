use rpc_core::prelude::*;

struct Tx;

struct Things;

#[rpc]
impl Things {
    #[rpc]
    async fn create(&self, #[rpc(context)] tx: &Tx) {
        _ = tx;
    }
}

fn main() {}
