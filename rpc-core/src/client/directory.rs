//! What services say of themselves when a call has failed: which methods there are, and which may
//! be repeated.
//!
//! One small question, `$SRV.INFO.<service>`, tells "no such service" from "no such method". It is
//! asked only after a failure. Its answer holds for a second and is shared by all who ask meanwhile,
//! and there are at most [`MOST_QUESTIONS`] a second for different names, so that a flood of wrong
//! names costs next to nothing. That a method may be repeated stays known.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::sync::watch;
use tokio::time::timeout_at;
use tracing::debug;

use super::{CallError, Client};
use crate::info::{EndpointInfo, FLAGS, IDEMPOTENT, INTERNAL, Info};
use crate::protocol::Headers;
use crate::protocol::subject::{Names, check_method, names};

/// How long an answer holds.
const FRESH: Duration = Duration::from_secs(1);
/// How long one question may take; the failed call waits for it, though never past its deadline.
const PATIENCE: Duration = Duration::from_millis(150);
/// How many different services are asked within [`FRESH`]. Past it a call learns only that nobody
/// listens, which is true of either kind.
const MOST_QUESTIONS: usize = 10;

/// What one client knows of services.
#[derive(Default)]
pub(crate) struct Directory(Mutex<Known>);

#[derive(Default)]
struct Known {
    questions: HashMap<String, Question>,
    /// Subjects of methods, and whether they may be repeated.
    methods: HashMap<String, bool>,
}

struct Question {
    asked: Instant,
    answer: watch::Receiver<Answer>,
}

#[derive(Clone, Debug)]
enum Answer {
    /// It did not come yet, or never will.
    None,
    /// No instance of the service is there.
    Nobody,
    /// The service's methods.
    Methods(Arc<Vec<EndpointInfo>>),
}

impl Directory {
    /// Notes whether the method on `subject` may be repeated.
    pub(crate) fn learn(&self, subject: &str, idempotent: bool) {
        let mut known = self.known();
        match known.methods.get_mut(subject) {
            Some(flag) => *flag = idempotent,
            None => {
                known.methods.insert(subject.to_owned(), idempotent);
            }
        }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Client {
    /// Says what it means that nobody listens on `subject`.
    pub(super) async fn explain(&self, subject: &str, deadline: Instant) -> CallError {
        let Some(Names {
            service, method, ..
        }) = names(subject)
        else {
            return CallError::nobody_listens(subject);
        };
        let methods = match self.ask(service, deadline).await {
            Answer::None => return CallError::nobody_listens(subject),
            Answer::Nobody => {
                let service = service.to_owned();
                return CallError::NoService { service };
            }
            Answer::Methods(methods) => methods,
        };
        // An instance that stops still answers questions when it takes no calls any more.
        if methods.iter().any(|endpoint| endpoint.subject == subject) {
            return CallError::nobody_listens(subject);
        }
        CallError::NoMethod {
            service: service.to_owned(),
            method: method.to_owned(),
            did_you_mean: nearest(&methods, method),
        }
    }

    /// Returns whether discovery marks the method as one that may be repeated: from memory where
    /// it is known, else by asking its service.
    pub(super) async fn is_idempotent(&self, subject: &str, deadline: Instant) -> bool {
        let remembered = || self.core.directory.known().methods.get(subject).copied();
        if let Some(idempotent) = remembered() {
            return idempotent;
        }
        if let Some(Names { service, .. }) = names(subject) {
            self.ask(service, deadline).await;
        }
        remembered().unwrap_or(false)
    }

    /// Returns what a service says of itself, at most a second ago.
    async fn ask(&self, service: &str, deadline: Instant) -> Answer {
        let Some((mut answer, asked)) = self.question(service) else {
            return Answer::None;
        };
        let patience = deadline.min(asked + PATIENCE).into();
        let answered = answer.wait_for(|answer| !matches!(answer, Answer::None));
        match timeout_at(patience, answered).await {
            Ok(Ok(answer)) => answer.clone(),
            _ => Answer::None,
        }
    }

    /// Returns the question that is under way or was answered lately, or asks a new one.
    fn question(&self, service: &str) -> Option<(watch::Receiver<Answer>, Instant)> {
        let now = Instant::now();
        let mut known = self.core.directory.known();
        let is_fresh = |question: &Question| now.duration_since(question.asked) < FRESH;
        known.questions.retain(|_, question| is_fresh(question));
        if let Some(question) = known.questions.get(service) {
            return Some((question.answer.clone(), question.asked));
        }
        if known.questions.len() >= MOST_QUESTIONS {
            return None;
        }
        let (sender, answer) = watch::channel(Answer::None);
        let question = Question {
            asked: now,
            answer: answer.clone(),
        };
        known.questions.insert(service.to_owned(), question);
        drop(known);
        // A task of its own: if a caller who gives up took the question along, the others who wait
        // for its answer would learn nothing.
        let (client, service) = (self.clone(), service.to_owned());
        tokio::spawn(async move { sender.send_replace(client.inquire(&service, now).await) });
        Some((answer, now))
    }

    /// Asks a service, and remembers which of its methods may be repeated.
    async fn inquire(&self, service: &str, now: Instant) -> Answer {
        let subject = format!("$SRV.INFO.{service}");
        let asked = self.transmit(&subject, Headers::new(), Bytes::new(), now, PATIENCE);
        let reply = match asked.await {
            Ok(reply) => reply,
            Err(CallError::Unavailable(_)) => return Answer::Nobody,
            Err(error) => {
                debug!(
                    service,
                    "the service was not asked for its methods: {error}"
                );
                return Answer::None;
            }
        };
        match serde_json::from_slice::<Info>(&reply.payload) {
            Ok(info) => {
                for endpoint in &info.endpoints {
                    // Nobody says of another service's methods that they may be repeated.
                    if names(&endpoint.subject).is_some_and(|it| it.service == service) {
                        let idempotent = has_flag(endpoint, IDEMPOTENT);
                        self.core.directory.learn(&endpoint.subject, idempotent);
                    }
                }
                Answer::Methods(Arc::new(info.endpoints))
            }
            Err(error) => {
                debug!(service, "an INFO reply is not one: {error}");
                Answer::None
            }
        }
    }
}

fn has_flag(endpoint: &EndpointInfo, flag: &str) -> bool {
    let metadata = endpoint.metadata.as_ref();
    let flags = metadata.and_then(|metadata| metadata.get(FLAGS));
    flags.is_some_and(|flags| flags.split(',').any(|set| set.trim() == flag))
}

/// Returns the subject of the method with the nearest name, if it is near. Internal methods are
/// nobody's business: what is said here may reach callers far outside.
fn nearest(methods: &[EndpointInfo], name: &str) -> Option<String> {
    methods
        .iter()
        .filter(|endpoint| !has_flag(endpoint, INTERNAL) && check_method(&endpoint.subject).is_ok())
        .map(|endpoint| (strsim::damerau_levenshtein(&endpoint.name, name), endpoint))
        .filter(|(distance, endpoint)| *distance <= endpoint.name.len().max(3) / 3)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, endpoint)| endpoint.subject.clone())
}
