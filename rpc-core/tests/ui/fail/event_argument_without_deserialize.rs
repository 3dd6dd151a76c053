use rpc_core::prelude::*;

struct NotDe;
struct Mailer;

#[rpc]
impl Mailer {
    #[event_handler("thing_service.created")]
    async fn created(&self, thing: NotDe) {
        drop(thing);
    }
}

fn main() {}
