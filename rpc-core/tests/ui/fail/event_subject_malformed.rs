use rpc_core::prelude::*;

struct Mailer;

#[rpc]
impl Mailer {
    #[event_handler("thing_created")]
    async fn one(&self) {}

    #[event_handler(">")]
    async fn two(&self) {}

    #[event_handler("thing_service.>.created")]
    async fn three(&self) {}

    #[event_handler("_INBOX.replies")]
    async fn four(&self) {}

    #[event_handler("thing service.created")]
    async fn five(&self) {}
}

fn main() {}
