//! The library under another path.
#![deny(warnings)]

mod vendored {
    pub extern crate rpc_core as rpc;
}

use vendored::rpc as my_rpc;

struct Greeter;

#[my_rpc::rpc(crate = my_rpc)]
impl Greeter {
    #[rpc]
    async fn hello(&self, name: &str) -> String {
        name.to_owned()
    }
}

struct Other;

#[my_rpc::rpc(crate = crate::vendored::rpc)]
impl Other {
    #[rpc]
    async fn hello(&self, #[rpc(default = "x")] name: String) -> String {
        name
    }

    #[my_rpc::event_handler("a.b")]
    async fn hear(&self) {}

    #[my_rpc::cron("0 3 * * *")]
    async fn nightly(&self) {}
}

mod rpc_core {}

fn main() {
    use my_rpc::Service as _;
    assert_eq!((Greeter::endpoints().len(), Other::NAME), (1, "other"));
}
