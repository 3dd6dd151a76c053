//! What makes a method run besides a call: an event, the time, the start and the stop of its
//! instance.
//!
//! An expansion lists them unbound, as [`Entrypoints`]; an instance binds them to its service and
//! counts what they did, and `serve/` decides when they may begin and must end.

#[cfg(feature = "cron")]
mod cron;
mod event;
mod hook;
mod report;
mod timer;

use std::fmt;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

pub(crate) use self::event::BoundHandler;
pub use self::event::{EventHandler, EventMode};
pub(crate) use self::hook::BoundHook;
pub use self::hook::{Ended, Hook, HookFuture};
pub use self::report::EntrypointReport;
pub(crate) use self::timer::BoundTimer;
pub use self::timer::{Schedule, Timer};
use crate::client::Client;
use crate::middleware::Layers;
use crate::protocol::RpcError;
use crate::service::Service;

/// What makes the methods of a service run besides calls.
pub struct Entrypoints<S> {
    /// The handlers of events.
    pub events: Vec<EventHandler<S>>,
    /// The methods that the time makes run.
    pub timers: Vec<Timer<S>>,
    /// What runs before an instance takes calls, in this order.
    pub on_start: Vec<Hook<S>>,
    /// What runs after its last call, in this order.
    pub on_stop: Vec<Hook<S>>,
}

impl<S> Entrypoints<S> {
    /// Returns none.
    pub const fn none() -> Self {
        Self {
            events: Vec::new(),
            timers: Vec::new(),
            on_start: Vec::new(),
            on_stop: Vec::new(),
        }
    }
}

impl<S> fmt::Debug for Entrypoints<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entrypoints")
            .field("events", &self.events.len())
            .field("timers", &self.timers.len())
            .field("on_start", &self.on_start.len())
            .field("on_stop", &self.on_stop.len())
            .finish()
    }
}

/// The entrypoints of one instance.
pub(crate) struct Bound {
    pub(crate) events: Vec<Arc<BoundHandler>>,
    pub(crate) timers: Vec<Arc<BoundTimer>>,
    pub(crate) on_start: Vec<BoundHook>,
    pub(crate) on_stop: Vec<BoundHook>,
}

impl Bound {
    /// Binds the entrypoints of `S` to a service, the handlers inside the layers.
    ///
    /// # Errors
    /// Which schedule cannot be read, and why.
    pub(crate) fn new<S: Service>(
        service: &Arc<S>,
        layers: &Layers<RpcError>,
        client: &Arc<Client>,
        cut: &CancellationToken,
    ) -> Result<Self, String> {
        let entrypoints = S::entrypoints();
        let hook = |hook: Hook<S>| hook.bind(service, client);
        let timers = entrypoints.timers.into_iter();
        let timers = timers.map(|timer| timer.bind(service, client, cut).map(Arc::new));
        let events = entrypoints.events.iter();
        let events = events.map(|handler| Arc::new(handler.bind(service, layers, client, cut)));
        Ok(Self {
            events: events.collect(),
            timers: timers.collect::<Result<_, _>>()?,
            on_start: entrypoints.on_start.into_iter().map(hook).collect(),
            on_stop: entrypoints.on_stop.into_iter().map(hook).collect(),
        })
    }

    /// Returns what each handler and timer has done.
    pub(crate) fn report(&self) -> Vec<EntrypointReport> {
        let events = self.events.iter().map(|handler| handler.report());
        events
            .chain(self.timers.iter().map(|timer| timer.report()))
            .collect()
    }
}

/// Checks the schedules of `S`, which the compiler has seen the form of.
///
/// # Errors
/// Which one cannot be read, and why.
pub(crate) fn check<S: Service>() -> Result<(), String> {
    let timers = S::entrypoints().timers;
    timers.iter().try_for_each(Timer::check)
}
