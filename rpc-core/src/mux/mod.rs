//! The reply inbox: one subscription for all calls of a client.
//!
//! A call takes a slot; its reply subject is `<inbox>.<slot and generation>`, so a late or forged
//! reply finds nothing. Nothing leaks, however many calls are never answered: dropping a waiting call
//! frees its slot, at once or after its service was told. One sweeper serves the deadlines of all
//! calls, and tells services of those that were given up.

mod token;
mod waiters;

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use async_nats::{HeaderMap, Message, StatusCode, Subject};
use bytes::Bytes;
use futures_util::stream::SelectAll;
use futures_util::{FutureExt as _, StreamExt as _};
use tokio::task::{AbortHandle, unconstrained};
use tokio::time::sleep;
use tracing::debug;

use crate::connection::{Connection, Link};
use crate::protocol::{Headers, WireReply};

pub(crate) use token::cancel_subject;
use waiters::Waiters;
pub(crate) use waiters::{Unanswered, Waiting};

/// How often deadlines are looked at: how late one may be noticed.
const SWEEP: Duration = Duration::from_millis(25);
/// How many refusals are worked through at once: each batch wakes every waiting call.
const MOST_AT_ONCE: usize = 256;

/// The reply inbox of one client.
pub(crate) struct Mux {
    inbox: String,
    waiters: Arc<Waiters>,
    tasks: [AbortHandle; 3],
}

impl Mux {
    /// Starts receiving replies.
    pub(crate) fn new(connection: Arc<Connection>) -> Self {
        let inbox = connection.inbox().to_owned();
        let waiters = Arc::<Waiters>::default();
        let receiver = tokio::spawn(receive(connection.clone(), waiters.clone()));
        let refusals = tokio::spawn(hear_refusals(connection.clone(), waiters.clone()));
        let sweeper = tokio::spawn(sweep(connection, waiters.clone()));
        let tasks = [receiver, refusals, sweeper].map(|task| task.abort_handle());
        Self {
            inbox,
            waiters,
            tasks,
        }
    }

    /// Takes a slot for a call of `subject` that is made at `since` and ends at `deadline`; the caller
    /// publishes with its [reply subject](Self::reply_subject) and awaits it.
    pub(crate) fn wait<'a>(
        &self,
        subject: &'a str,
        since: Instant,
        deadline: Instant,
    ) -> Waiting<'a> {
        Waiting::new(&self.waiters, subject, since, deadline)
    }

    /// Returns the subject that the reply to `waiting` must be sent to.
    pub(crate) fn reply_subject(&self, waiting: &Waiting<'_>) -> Subject {
        Subject::from(token::reply_subject(
            &self.inbox,
            waiting.slot,
            waiting.generation,
        ))
    }

    /// Returns how many calls wait now.
    pub(crate) fn in_flight(&self) -> usize {
        self.waiters.in_flight.load(Relaxed)
    }
}

impl Drop for Mux {
    fn drop(&mut self) {
        self.tasks.iter().for_each(AbortHandle::abort);
        self.waiters.fail_all(Unanswered::Disconnected);
    }
}

/// Receives replies on the current link, on those that came before it while they last, and on the
/// next. A reply that comes on two of them is taken once: the second finds nobody who waits.
async fn receive(connection: Arc<Connection>, waiters: Arc<Waiters>) {
    let mut disconnects = connection.disconnects();
    let mut replaced = SelectAll::new();
    loop {
        let link: Arc<Link> = connection.link().clone();
        if let Some(mut replies) = link.take_replies() {
            loop {
                tokio::select! {
                    biased;
                    reply = replies.next() => match reply {
                        Some(reply) => deliver(&waiters, reply),
                        None => break,
                    },
                    Some(reply) = replaced.next(), if !replaced.is_empty() => {
                        deliver(&waiters, reply);
                    }
                    // The replies that came before the disconnection are delivered by now.
                    _ = disconnects.changed() => {
                        while let Some(Some(reply)) = unconstrained(replies.next()).now_or_never() {
                            deliver(&waiters, reply);
                        }
                        waiters.fail_all(Unanswered::Disconnected);
                    }
                    () = link.replaced() => break,
                }
            }
            replaced.push(Box::pin(replies.take_until(link.over())));
        }
        if !link.is_replaced() {
            waiters.fail_all(Unanswered::Disconnected);
            link.replaced().await;
        }
        // Those who called before the end of the link was known. Of one that was left in time,
        // calls that are under way are still answered, here or on the next.
        if link.is_dead() {
            waiters.fail_all(Unanswered::Disconnected);
        }
    }
}

fn deliver(waiters: &Waiters, reply: Message) {
    let answer = match reply.status {
        Some(StatusCode::NO_RESPONDERS) => Err(Unanswered::NoResponders),
        _ => Ok(WireReply {
            headers: reply.headers.as_ref().map(from_nats).unwrap_or_default(),
            payload: reply.payload,
        }),
    };
    let token = reply.subject.rsplit('.').next().unwrap_or_default();
    waiters.answer(token, answer);
}

/// Converts received headers; a value with control characters is left out.
pub(crate) fn from_nats(map: &HeaderMap) -> Headers {
    let mut headers = Headers::new();
    for (name, values) in map.iter() {
        for value in values {
            headers.insert(name.to_string(), value.as_str());
        }
    }
    headers
}

/// Ends the calls on subjects that the server says this client may not publish on. It tells of them
/// besides the replies: to the caller nothing would ever come.
async fn hear_refusals(connection: Arc<Connection>, waiters: Arc<Waiters>) {
    let Some(mut refusals) = connection.take_refusals() else {
        return;
    };
    let mut subjects = Vec::new();
    while refusals.recv_many(&mut subjects, MOST_AT_ONCE).await > 0 {
        waiters.deny(subjects.drain(..), Instant::now());
    }
}

/// Looks every [`SWEEP`], while there are calls, for those whose time ran out and those that were
/// given up.
async fn sweep(connection: Arc<Connection>, waiters: Arc<Waiters>) {
    loop {
        waiters.busy.notified().await;
        while waiters.is_busy() {
            sleep(SWEEP).await;
            let now = Instant::now();
            waiters.fail_where(Unanswered::Deadline, |deadline| deadline <= now);
            for (slot, generation) in waiters.take_given_up(now) {
                let reply = token::reply_subject(connection.inbox(), slot, generation);
                let told = cancel_subject(&reply);
                // Nobody waits here for a connection that takes nothing, or is down: deadlines pass
                // meanwhile, and that of the call ends it.
                let link = connection.link();
                let sent = unconstrained(link.nats.publish(told, Bytes::new())).now_or_never();
                if !matches!(sent, Some(Ok(()))) {
                    debug!("a service was not told that its caller has given up");
                }
            }
        }
    }
}
