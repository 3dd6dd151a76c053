use rpc_core::prelude::*;

struct Mailer;

#[rpc]
impl Mailer {
    #[timer("5s")]
    async fn sweep(&self, limit: u32) {}
}

fn main() {}
