use rpc_core::prelude::*;

struct Mailer;

impl Mailer {
    #[event_handler("thing_service.created")]
    async fn created(&self, name: &str) {}

    #[timer("5s")]
    async fn sweep(&self) {}
}

#[on_start]
async fn open() {}

#[cron("0 3 * * *")]
struct Nightly;

fn main() {}
