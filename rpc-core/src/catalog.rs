//! What discovery knows: which methods exist, read from `$SRV.INFO`.
//!
//! A method once seen stays known, so that a service which is gone is told apart from one that
//! never was. A miss asks all services once; misses that come meanwhile share that question, and
//! for a second after it further misses are answered from it, so that a flood of made-up names
//! costs one question a second. An announcement of a new instance ends that second early.

use std::collections::HashMap;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::StreamExt as _;
use tokio::sync::{Mutex, watch};
use tokio::task::AbortHandle;
use tokio::time::timeout;
use tracing::{debug, warn};

use crate::client::Client;
use crate::info::{ANNOUNCE, EndpointInfo, FLAGS, IDEMPOTENT, INTERNAL, Info, SAFE, SCOPES};
use crate::protocol::subject::check_method;

/// How long a miss stays a miss.
const NEGATIVE: Duration = Duration::from_secs(1);
/// After so long without another reply, everybody is taken to have answered.
const QUIET: Duration = Duration::from_millis(100);
/// The longest one question takes, however many keep answering.
const LONGEST: Duration = Duration::from_millis(500);

/// The methods that services have announced.
pub struct Catalog {
    shared: Arc<Shared>,
    listener: AbortHandle,
}

struct Shared {
    client: Client,
    methods: RwLock<HashMap<String, Arc<Method>>>,
    /// When the last question ended; held while one is asked.
    asked: Arc<Mutex<Option<Instant>>>,
    stale: AtomicBool,
    learned: watch::Sender<()>,
}

/// One method as its service announces it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Method {
    /// The service's name.
    pub service: String,
    /// The endpoint's name: `hello`.
    pub name: String,
    /// The subject: `greeting_service.hello`.
    pub subject: String,
    /// Never callable over HTTP.
    pub internal: bool,
    /// Changes nothing.
    pub safe: bool,
    /// May be repeated.
    pub idempotent: bool,
    /// What a caller must be allowed to do, all of it.
    pub scopes: Vec<String>,
}

impl Catalog {
    /// Creates an empty catalog that listens for announcements.
    pub fn new(client: Client) -> Self {
        let shared = Arc::new(Shared {
            client,
            methods: RwLock::default(),
            asked: Arc::default(),
            stale: AtomicBool::new(false),
            learned: watch::Sender::new(()),
        });
        let listener = tokio::spawn(listen(shared.clone())).abort_handle();
        Self { shared, listener }
    }

    /// Returns the method on `subject`: at once when it is known, after asking all services when not.
    pub async fn lookup(&self, subject: &str) -> Option<Arc<Method>> {
        if let Some(method) = self.shared.known(subject) {
            return Some(method);
        }
        let mut learned = self.shared.learned.subscribe();
        let ask = self.shared.ask();
        tokio::pin!(ask);
        // A reply that names the method ends the wait; the question goes on.
        loop {
            tokio::select! {
                () = &mut ask => return self.shared.known(subject),
                _ = learned.changed() => if let Some(method) = self.shared.known(subject) {
                    return Some(method);
                },
            }
        }
    }
}

impl Drop for Catalog {
    fn drop(&mut self) {
        self.listener.abort();
    }
}

impl Shared {
    fn known(&self, subject: &str) -> Option<Arc<Method>> {
        self.methods
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(subject)
            .cloned()
    }

    /// Asks every service for its INFO, unless that was done within [`NEGATIVE`].
    async fn ask(self: &Arc<Self>) {
        let mut asked = self.asked.clone().lock_owned().await;
        let fresh = asked.is_some_and(|ended| ended.elapsed() < NEGATIVE);
        if fresh && !self.stale.swap(false, Ordering::Relaxed) {
            return;
        }
        // A task of its own: if an asker who leaves took the question along, each of a flood of
        // impatient ones would ask anew.
        let shared = self.clone();
        let question = tokio::spawn(async move {
            match shared.collect().await {
                Ok(()) => *asked = Some(Instant::now()),
                Err(error) => debug!("discovery failed: {error}"),
            }
        });
        let _ = question.await;
    }

    async fn collect(&self) -> Result<(), async_nats::Error> {
        let nats = self.client.connection().link().nats.clone();
        let inbox = nats.new_inbox();
        let mut replies = nats.subscribe(inbox.clone()).await?;
        nats.publish_with_reply("$SRV.INFO", inbox, Bytes::new())
            .await?;
        let started = Instant::now();
        let mut patience = LONGEST;
        while let Ok(Some(reply)) = timeout(patience, replies.next()).await {
            if reply.status.is_some() || started.elapsed() > LONGEST {
                break;
            }
            patience = QUIET;
            match serde_json::from_slice::<Info>(&reply.payload) {
                Ok(info) => self.learn(info),
                Err(error) => debug!("an INFO reply is not one: {error}"),
            }
        }
        Ok(())
    }

    fn learn(&self, info: Info) {
        let mut methods = self.methods.write().unwrap_or_else(PoisonError::into_inner);
        for endpoint in info.endpoints {
            // Services built without this library may listen anywhere, `$SYS` included.
            if let Err(reason) = check_method(&endpoint.subject) {
                debug!(service = info.name, "an endpoint is left out: {reason}");
                continue;
            }
            match methods.get(&endpoint.subject) {
                Some(known) if known.service != info.name => {
                    warn!(
                        subject = endpoint.subject,
                        owner = known.service,
                        claimed_by = info.name,
                        "two services announce one subject; the first keeps it"
                    );
                }
                _ => {
                    let method = Method::from_info(&info.name, endpoint);
                    // The client then needs not ask whether it may repeat a call.
                    let directory = self.client.directory();
                    directory.learn(&method.subject, method.idempotent);
                    methods.insert(method.subject.clone(), Arc::new(method));
                }
            }
        }
        drop(methods);
        self.learned.send_replace(());
    }
}

impl Method {
    fn from_info(service: &str, endpoint: EndpointInfo) -> Self {
        let metadata = endpoint.metadata.unwrap_or_default();
        let flags = metadata.get(FLAGS).map(String::as_str).unwrap_or_default();
        let scopes = metadata.get(SCOPES).map(String::as_str).unwrap_or_default();
        let scopes = scopes.split(',').map(str::trim);
        let has = |flag| flags.split(',').any(|set| set.trim() == flag);
        Self {
            service: service.to_owned(),
            internal: has(INTERNAL),
            safe: has(SAFE),
            idempotent: has(IDEMPOTENT),
            scopes: scopes
                .filter(|scope| !scope.is_empty())
                .map(str::to_owned)
                .collect(),
            name: endpoint.name,
            subject: endpoint.subject,
        }
    }
}

/// Notes announcements, on the current link and on the next.
async fn listen(shared: Arc<Shared>) {
    let connection = shared.client.connection().clone();
    loop {
        let link = connection.link().clone();
        if let Ok(mut announcements) = link.nats.subscribe(ANNOUNCE).await {
            // Holding on to a link that was replaced would keep its connection open.
            let mut replaced = pin!(link.replaced());
            loop {
                tokio::select! {
                    announcement = announcements.next() => match announcement {
                        Some(_) => shared.stale.store(true, Ordering::Relaxed),
                        None => break,
                    },
                    () = &mut replaced => break,
                }
            }
        }
        link.replaced().await;
    }
}
