use rpc_core::prelude::*;

struct Mailer;

#[rpc]
impl Mailer {
    #[on_start]
    async fn open(&self, context: Context) {
        drop(context);
    }
}

fn main() {}
