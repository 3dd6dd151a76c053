use rpc_core::prelude::*;

struct Mailer;

#[rpc]
impl Mailer {
    #[timer("5s")]
    async fn sweep(&self) {
        let count = std::rc::Rc::new(1);
        std::future::ready(()).await;
        drop(count);
    }
}

fn main() {}
