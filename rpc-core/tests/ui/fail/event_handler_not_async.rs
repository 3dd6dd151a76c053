use rpc_core::prelude::*;

struct Mailer;

#[rpc]
impl Mailer {
    #[event_handler("thing_service.created")]
    fn created(&self) {}
}

fn main() {}
