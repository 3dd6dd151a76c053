//! What handlers and timers have done, where operators and tests find it.

/// What one handler or timer of an instance has done since it started.
///
/// Discovery's STATS knows methods only, so these counters are in
/// [`Running::entrypoints`](crate::Running::entrypoints) and in the log when the instance stops.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct EntrypointReport {
    /// Service and method: `mailer.welcome`.
    pub name: String,
    /// What makes it run: `event thing_service.thing_created`, `every 5s`, `cron 0 3 * * *`.
    pub fired_by: String,
    /// How often it ran, failures included.
    pub runs: u64,
    /// How often it did not end well, panics, events that did not run and those with arguments that
    /// do not fit included.
    pub failures: u64,
    /// How often it panicked.
    pub panics: u64,
    /// Events that came while every slot and every waiting place was taken, or whose time ran out
    /// before they ran; ticks that came while the one before still ran.
    pub dropped: u64,
}
