//! What discovery knows: which services are there, and which methods can be called.
//!
//! It learns in three ways. Instances announce that they start and stop. A poll asks every few
//! seconds who is there, and finds those who died without a word and those who announce nothing. And
//! a miss asks at once: misses that come meanwhile share that question, and for a second after it
//! further misses are answered from it, so that a flood of made-up names costs one question a
//! second. An announcement of a new instance ends that second early.
//!
//! A service once seen stays known for a while, so that one which is gone is told apart from one
//! that never was.

mod method;
mod registry;
mod snapshot;
mod survey;
mod watch;
mod words;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use tokio::sync::{Notify, OwnedMutexGuard, watch as signal};
use tokio::task::AbortHandle;
use tracing::debug;

pub use self::method::Method;
use self::registry::{Noted, Registry};
pub use self::snapshot::{Conflict, KnownInstance, KnownService, Snapshot};
use self::survey::Patience;
use crate::client::Client;

/// How long a miss stays a miss.
const NEGATIVE: Duration = Duration::from_secs(1);
/// How long a miss waits for answers.
const ON_A_MISS: Patience = Patience {
    quiet: Duration::from_millis(100),
    longest: Duration::from_millis(500),
};

/// The services and methods that discovery knows, kept up to date in the background.
///
/// # Examples
/// ```no_run
/// # async fn example(client: rpc_core::Client) {
/// let catalog = rpc_core::Catalog::new(client);
/// if let Some(method) = catalog.lookup("greeting_service.hello").await {
///     println!("{}: {}", method.subject, method.doc);
/// }
/// for service in catalog.snapshot().services() {
///     println!("{} has {} instances", service.name, service.instances.len());
/// }
/// # }
/// ```
pub struct Catalog {
    shared: Arc<Shared>,
    tasks: [AbortHandle; 2],
}

struct Shared {
    client: Client,
    registry: Mutex<Registry>,
    /// Whether the registry has something to show.
    dirty: AtomicBool,
    snapshot: ArcSwap<Snapshot>,
    /// Moves with each new snapshot, and says its generation.
    changed: signal::Sender<u64>,
    /// When the last question on a miss ended; held while one is asked.
    asked: Arc<tokio::sync::Mutex<Option<Instant>>>,
    stale: AtomicBool,
    doubt: Notify,
}

impl Catalog {
    /// How often a catalog asks who is there: every 5 s, give or take a fifth.
    pub const POLL: Duration = Duration::from_secs(5);

    /// Creates a catalog that polls every [`POLL`](Self::POLL); must be called in a Tokio runtime.
    pub fn new(client: Client) -> Self {
        Self::with_poll(client, Self::POLL)
    }

    /// Creates a catalog that asks every `interval`, give or take a fifth, who is there.
    pub fn with_poll(client: Client, interval: Duration) -> Self {
        let shared = Arc::new(Shared {
            client,
            registry: Mutex::default(),
            dirty: AtomicBool::new(false),
            snapshot: ArcSwap::default(),
            changed: signal::Sender::new(0),
            asked: Arc::default(),
            stale: AtomicBool::new(false),
            doubt: Notify::new(),
        });
        let tasks = [
            tokio::spawn(watch::listen(shared.clone())).abort_handle(),
            tokio::spawn(watch::poll(shared.clone(), interval)).abort_handle(),
        ];
        Self { shared, tasks }
    }

    /// Returns the method on `subject`: at once when it is known, after asking all services when not.
    pub async fn lookup(&self, subject: &str) -> Option<Arc<Method>> {
        if let Some(method) = self.shared.known(subject) {
            return Some(method);
        }
        let mut changed = self.shared.changed.subscribe();
        let ask = self.shared.ask();
        tokio::pin!(ask);
        // An answer that names the method ends the wait; the question goes on.
        loop {
            tokio::select! {
                () = &mut ask => return self.shared.known(subject),
                _ = changed.changed() => if let Some(method) = self.shared.known(subject) {
                    return Some(method);
                },
            }
        }
    }

    /// Asks all services who is there, unless that was done on a miss within the last second and
    /// nobody has announced a start since.
    pub async fn refresh(&self) {
        self.shared.ask().await;
    }

    /// Returns what is known now.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.shared.snapshot.load_full()
    }

    /// Returns the [generation](Snapshot::generation) of what is known now.
    pub fn generation(&self) -> u64 {
        self.shared.snapshot.load().generation
    }

    /// Returns a signal that moves with each new snapshot, and holds its generation.
    pub fn changes(&self) -> signal::Receiver<u64> {
        self.shared.changed.subscribe()
    }

    /// Says that a call met nobody although its method is known: the next poll comes at once, though
    /// no more than one a second.
    pub fn doubt(&self) {
        self.shared.doubt.notify_one();
    }
}

impl std::fmt::Debug for Catalog {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let snapshot = self.snapshot();
        f.debug_struct("Catalog")
            .field("generation", &snapshot.generation)
            .field("services", &snapshot.services.len())
            .finish_non_exhaustive()
    }
}

impl Drop for Catalog {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

impl Shared {
    fn known(&self, subject: &str) -> Option<Arc<Method>> {
        self.snapshot.load().methods.get(subject).cloned()
    }

    /// Asks everybody, unless that was done within [`NEGATIVE`].
    async fn ask(self: &Arc<Self>) {
        if let Some(asked) = self.to_ask().await {
            return self.question(asked).await;
        }
        // Whoever started before the caller asked has announced it: that may be on its way to us,
        // and arrives before the answer to a round trip.
        if self.client.round_trip(ON_A_MISS.longest).await.is_ok() {
            tokio::task::yield_now().await;
            if let Some(asked) = self.to_ask().await {
                self.question(asked).await;
            }
        }
    }

    /// Returns the right to ask everybody, unless the last answer is good enough.
    async fn to_ask(&self) -> Option<OwnedMutexGuard<Option<Instant>>> {
        let asked = self.asked.clone().lock_owned().await;
        let fresh = asked.is_some_and(|ended| ended.elapsed() < NEGATIVE);
        (self.stale.swap(false, Ordering::Relaxed) || !fresh).then_some(asked)
    }

    async fn question(self: &Arc<Self>, mut asked: OwnedMutexGuard<Option<Instant>>) {
        // A task of its own: if an asker who leaves took the question along, each of a flood of
        // impatient ones would ask anew.
        let shared = self.clone();
        let question = tokio::spawn(async move {
            match shared.survey(ON_A_MISS).await {
                Ok(_) => *asked = Some(Instant::now()),
                Err(error) => debug!("discovery failed: {error}"),
            }
        });
        let _ = question.await;
    }

    /// Notes something in the registry; [`show`](Self::show) makes it known.
    fn note(&self, note: impl FnOnce(&mut Registry, Instant) -> Noted) -> Noted {
        let mut registry = self.registry();
        let noted = note(&mut registry, Instant::now());
        if noted == Noted::Changed {
            self.dirty.store(true, Ordering::Relaxed);
        }
        noted
    }

    /// Shows what was noted, if there is anything new.
    fn show(&self) {
        let mut registry = self.registry();
        if !self.dirty.swap(false, Ordering::Relaxed) {
            return;
        }
        let last = self.snapshot.load_full();
        let next = registry.snapshot(&last);
        let generation = next.generation;
        if generation != last.generation {
            let directory = self.client.directory();
            for method in next.methods.values() {
                // The client then needs not ask whether it may repeat a call.
                directory.learn(&method.subject, method.idempotent);
            }
        }
        self.snapshot.store(Arc::new(next));
        self.changed.send_replace(generation);
    }

    fn registry(&self) -> MutexGuard<'_, Registry> {
        self.registry.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
