use rpc_core::prelude::*;

struct Mailer;

#[rpc]
impl Mailer {
    #[event_handler("thing_service.created", mod = "broadcast")]
    async fn one(&self) {}

    #[event_handler("thing_service.created", when_full = "busy")]
    async fn two(&self) {}

    #[event_handler("thing_service.created", mode = "all")]
    async fn three(&self) {}
}

fn main() {}
