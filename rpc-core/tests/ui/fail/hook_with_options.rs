use rpc_core::prelude::*;

struct Mailer;

#[rpc]
impl Mailer {
    #[on_start(first)]
    async fn open(&self) {}

    #[on_stop]
    #[on_stop]
    async fn close(&self) {}

    #[on_stop]
    async fn flush(&mut self) {}
}

fn main() {}
