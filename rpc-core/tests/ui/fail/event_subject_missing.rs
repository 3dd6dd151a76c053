use rpc_core::prelude::*;

struct Mailer;

#[rpc]
impl Mailer {
    #[event_handler]
    async fn welcome(&self) {}

    #[event_handler(mode = "broadcast")]
    async fn refresh(&self) {}
}

fn main() {}
