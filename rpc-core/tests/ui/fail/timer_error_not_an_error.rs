use rpc_core::prelude::*;

struct Mailer;

#[rpc]
impl Mailer {
    #[timer("5s")]
    async fn sweep(&self) -> Result<(), u32> {
        Err(1)
    }
}

fn main() {}
