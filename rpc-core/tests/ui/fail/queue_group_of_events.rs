use rpc_core::prelude::*;

struct Mailer;

#[rpc(queue_group = "evt.mailer")]
impl Mailer {
    #[rpc]
    async fn send(&self) {}
}

fn main() {}
