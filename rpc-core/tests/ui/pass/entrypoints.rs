//! Every form of what fires a method besides a call.
#![deny(warnings)]

use std::borrow::Cow;

use rpc_core::prelude::*;
use serde::Deserialize;

#[derive(Deserialize)]
pub struct Thing {
    pub name: String,
}

pub struct Mailer;

/// Without a method that callers may call.
#[rpc(name = "mailer", prefix = "v2")]
impl Mailer {
    #[event_handler("thing_service.thing_created")]
    async fn welcome(&self, thing: Thing) {
        let _ = thing.name;
    }

    #[event_handler("thing_service.*", mode = "broadcast")]
    async fn refresh(&self, context: &Context, name: &str, #[rpc(default = 1)] count: u8) {
        let _ = (context.event(), name, count);
    }

    #[event_handler("thing_service.>", mode = "singleton", timeout = "5s", limit = 1, queue = 0, blocking)]
    async fn charge(&self, #[rpc(args)] rest: Vec<u8>) -> Result<u8, RpcError> {
        Ok(rest.len() as u8)
    }

    #[event_handler("a.b", mode = "pool",)]
    #[event_handler("c.d", mode = "broadcast")]
    async fn r#type(&self, name: Option<Cow<'_, str>>) -> Result<(), RpcError> {
        let _ = name;
        Ok(())
    }

    #[timer("5s")]
    async fn sweep(&self) {}

    #[timer("500ms", eager)]
    #[cron("0 3 * * *")]
    async fn poll(&self, context: &Context) -> Result<(), RpcError> {
        context.emit("polled", (1, "two")).await?;
        Ok(())
    }

    #[cron("30 0 3 * * MON-FRI", tz = "Europe/Brussels")]
    async fn nightly(&self) -> Result<u8, String> {
        Ok(1)
    }

    #[on_start]
    async fn open(&self) -> std::io::Result<()> {
        Ok(())
    }

    #[rpc_core::on_start]
    #[rpc_core::timer("1m")]
    async fn refresh_rates(&self, _: &rpc_core::Context) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        Ok(())
    }

    #[on_stop]
    async fn close(&self) -> Result<(), &'static str> {
        Err("no")
    }

    #[cfg(any())]
    #[timer("1s")]
    async fn absent(&self) -> Absent {}

    #[cfg(any())]
    #[event_handler("a.b")]
    async fn absent_too(&self, thing: Absent) {}

    #[cfg(any())]
    #[on_stop]
    async fn absent_three(&self) {}
}

struct Both;

#[rpc]
impl Both {
    /// Called by callers, by events and by the time.
    #[rpc(name = "again")]
    #[event_handler("a.b")]
    #[timer("1s")]
    async fn refresh(&self, _context: &Context) {}
}

fn main() {
    let entrypoints = <Mailer as rpc_core::Service>::entrypoints();
    assert_eq!(entrypoints.events.len(), 5);
    assert_eq!(entrypoints.events[3].endpoint.subject(), "v2.mailer.type");
    assert_eq!(entrypoints.timers.len(), 5);
    assert_eq!(entrypoints.on_start.len(), 2);
    assert_eq!(entrypoints.on_stop.len(), 1);
    assert!(<Mailer as rpc_core::Service>::endpoints().is_empty());

    let both = <Both as rpc_core::Service>::entrypoints();
    assert_eq!(both.events[0].endpoint.subject(), "both.refresh");
    assert_eq!(<Both as rpc_core::Service>::endpoints()[0].subject(), "both.again");
}
