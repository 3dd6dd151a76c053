use rpc_core::prelude::*;

struct Mailer;

#[rpc]
impl Mailer {
    #[cron("0 3 * *")]
    async fn one(&self) {}

    #[cron("0 25 * * *")]
    async fn two(&self) {}

    #[cron("0 3 * * *", tz = "Europe Brussels")]
    async fn three(&self) {}

    #[cron("0 3 * * *", zone = "Europe/Brussels")]
    async fn four(&self) {}
}

fn main() {}
