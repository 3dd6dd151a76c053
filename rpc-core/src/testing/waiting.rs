//! Waiting for what nobody is called back about: events handled, ticks, one-way calls.

use std::future::IntoFuture;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::time::sleep;

use super::{PATIENCE, TestApp};
use crate::entrypoint::EntrypointReport;
use crate::instance::Instance;

impl TestApp {
    /// Waits until a method, an event handler or a timer has finished; `name` is service and method.
    ///
    /// Every end counts, also one with an error or a panic, since the app started: one that came
    /// before the call is not missed. A handler that dropped an event did not run.
    ///
    /// # Panics
    /// When the app has no such method, and when it does not finish within 10 s or what
    /// [`within`](WaitFor::within) says.
    ///
    /// # Examples
    /// ```
    /// use rpc_core::{prelude::*, testing::TestApp};
    ///
    /// struct Mailer;
    ///
    /// #[rpc]
    /// impl Mailer {
    ///     #[event_handler("user_service.signed_up")]
    ///     async fn welcome(&self, name: &str) {
    ///         println!("welcome, {name}");
    ///     }
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let app = TestApp::start(Mailer).await;
    /// app.client().emit("user_service.signed_up", ("Bob",)).await?;
    /// app.wait_for("mailer.welcome").times(1).await;
    /// # Ok(())
    /// # }
    /// ```
    pub fn wait_for(&self, name: &str) -> WaitFor<'_> {
        WaitFor {
            instances: self.services.instances(),
            name: name.to_owned(),
            times: 1,
            limit: PATIENCE,
        }
    }

    /// Fires a timer now, besides the times when it fires by itself, and waits until its method has
    /// finished; `name` is service and method.
    ///
    /// # Panics
    /// When the app has no such timer.
    pub async fn fire_timer(&self, name: &str) {
        let timers = |instance: &Arc<Instance>| instance.entrypoints.timers.clone();
        let mut timers = self.services.instances().iter().flat_map(timers);
        let timer = timers.find(|timer| is_called(&timer.method(), name));
        let timer = timer.unwrap_or_else(|| panic!("the app has no timer `{name}`"));
        timer.fire_now().await;
    }

    /// Returns what the event handlers and timers of the app have done.
    pub fn entrypoints(&self) -> Vec<EntrypointReport> {
        let instances = self.services.instances().iter();
        instances
            .flat_map(|instance| instance.entrypoints.report())
            .collect()
    }
}

/// A wait for a method to finish; awaiting it waits.
#[must_use = "it waits when it is awaited"]
pub struct WaitFor<'a> {
    instances: &'a [Arc<Instance>],
    name: String,
    times: u64,
    limit: Duration,
}

impl<'a> WaitFor<'a> {
    /// Sets how often the method shall have finished since the app started; once by default.
    pub fn times(mut self, times: u64) -> Self {
        self.times = times;
        self
    }

    /// Sets how long to wait; 10 s by default.
    pub fn within(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// Returns how often the method has finished; none when there is no such method.
    fn finished(&self) -> Option<u64> {
        let mut ended = ended(self.instances);
        ended.retain(|(name, _)| is_called(name, &self.name));
        let first = ended.first()?;
        // One that callers call and events fire has counters for each.
        Some(ended[1..].iter().fold(first.1, |sum, (_, more)| sum + more))
    }

    async fn wait(self) {
        let (began, name) = (Instant::now(), &self.name);
        loop {
            let Some(finished) = self.finished() else {
                let known = ended(self.instances).into_iter().map(|(name, _)| name);
                let known: Vec<_> = known.collect();
                panic!("the app has no `{name}`, it has: `{}`", known.join("`, `"));
            };
            if finished >= self.times {
                return;
            }
            assert!(
                began.elapsed() < self.limit,
                "`{name}` has finished {finished} of {} times within {:?}",
                self.times,
                self.limit
            );
            // The counters are those of every run, which nothing makes slower for the sake of tests.
            sleep(Duration::from_millis(1)).await;
        }
    }
}

impl<'a> IntoFuture for WaitFor<'a> {
    type Output = ();
    type IntoFuture = Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.wait())
    }
}

/// Returns how often each method, handler and timer has finished.
fn ended(instances: &[Arc<Instance>]) -> Vec<(String, u64)> {
    let of_instance = |instance: &Arc<Instance>| {
        let methods = instance.dispatchers.iter();
        let methods = methods.map(|it| (it.subject().to_owned(), it.stats().snapshot().ran));
        let others = instance.entrypoints.report().into_iter();
        let mut all: Vec<_> = methods.collect();
        all.extend(others.map(|it| (it.name, it.runs)));
        all
    };
    instances.iter().flat_map(of_instance).collect()
}

/// Returns whether `name`, service and method, means a method; a prefix may be left out.
fn is_called(full: &str, name: &str) -> bool {
    let rest = full.strip_suffix(name);
    rest.is_some_and(|prefix| prefix.is_empty() || (prefix.ends_with('.') && name.contains('.')))
}
