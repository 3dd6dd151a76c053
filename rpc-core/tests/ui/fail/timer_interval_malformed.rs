use rpc_core::prelude::*;

struct Mailer;

#[rpc]
impl Mailer {
    #[timer]
    async fn one(&self) {}

    #[timer("5 seconds")]
    async fn two(&self) {}

    #[timer(5)]
    async fn three(&self) {}

    #[timer("5s" eager)]
    async fn four(&self) {}

    #[timer("5s", early)]
    async fn five(&self) {}
}

fn main() {}
