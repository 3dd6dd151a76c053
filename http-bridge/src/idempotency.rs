//! Replies kept under the `Idempotency-Key` of their request, so that a repeat runs nothing twice.
//!
//! In the memory of this bridge, and for a while: a repeat that another bridge gets runs again. The
//! key goes on to the service, which may keep it for longer.

use std::collections::{HashMap, VecDeque};
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use ring::digest;
use rpc_core::protocol::{Outcome, WireReply};
use rpc_core::{CallError, Code, RpcError};
use tokio::time::Instant;

use crate::auth::Principal;
use crate::config::Idempotency;
use crate::problem::Problem;
use crate::status::Refusal;

pub(crate) const HEADER: HeaderName = HeaderName::from_static("idempotency-key");

const LONGEST_KEY: usize = 255;
/// What an entry takes besides its texts and its answer, in bytes; a generous guess.
const OVERHEAD: usize = 512;

/// The replies of one bridge.
#[derive(Debug)]
pub(crate) struct Store {
    config: Idempotency,
    /// How many calls may run under a key. They outlive their requests, so the limit on those does
    /// not bound them.
    most_running: usize,
    entries: Mutex<Entries>,
}

#[derive(Debug, Default)]
struct Entries {
    by_name: HashMap<Arc<Name>, Entry>,
    /// Finished ones in the order in which they end: the oldest makes room.
    finished: VecDeque<(Instant, Arc<Name>)>,
    /// What all of them take, in bytes.
    bytes: usize,
}

/// Whose key it is, and for what. The same key of another caller is another key.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct Name {
    caller: Option<Arc<str>>,
    target: String,
    key: String,
}

#[derive(Debug)]
struct Entry {
    fingerprint: digest::Digest,
    size: usize,
    /// None while the first request runs.
    reply: Option<WireReply>,
}

/// Returns the key of a request, if it has one.
pub(crate) fn key(headers: &HeaderMap) -> Result<Option<&str>, Problem> {
    let mut keys = headers.get_all(HEADER).iter();
    let Some(value) = keys.next() else {
        return Ok(None);
    };
    // The draft writes a string in quotation marks; most clients leave them out.
    let text = value.to_str().unwrap_or_default();
    let quoted = text
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'));
    let key = quoted.unwrap_or(text);
    match keys.next().is_none() && (1..=LONGEST_KEY).contains(&key.len()) {
        true => Ok(Some(key)),
        false => {
            let text = format!(
                "expected one `Idempotency-Key` of 1 to {LONGEST_KEY} characters in ASCII, such as \
                 a UUID"
            );
            Err(Problem::refused(Refusal::BadRequest, text))
        }
    }
}

impl Name {
    /// Names a request by who makes it, what it is for and its key.
    pub(crate) fn new(caller: Option<&Principal>, target: &str, key: &str) -> Self {
        Self {
            caller: caller.map(|principal| principal.subject.clone()),
            target: target.to_owned(),
            key: key.to_owned(),
        }
    }

    fn size(&self) -> usize {
        // Twice, because two tables hold it; the texts themselves are shared.
        OVERHEAD + self.target.len() + self.key.len()
    }
}

impl Store {
    /// Creates an empty store.
    pub(crate) fn new(config: Idempotency, most_running: usize) -> Self {
        Self {
            config,
            most_running,
            entries: Mutex::default(),
        }
    }

    /// Makes a call under its name, or returns the reply of the first call under that name.
    ///
    /// The call goes on when the client leaves: then it is the client's repeat that wants to know
    /// how it ended. Kept are successes, and failures that would be the same again; after any other
    /// failure the name is free again.
    ///
    /// # Errors
    /// 409 while the first call runs, 422 when it had another body, 503 when there is no room.
    pub(crate) async fn once<F>(
        self: &Arc<Self>,
        name: Name,
        arguments: &[u8],
        call: F,
    ) -> Result<WireReply, Problem>
    where
        F: Future<Output = Result<WireReply, CallError>> + Send + 'static,
    {
        let fingerprint = digest::digest(&digest::SHA256, arguments);
        let name = Arc::new(name);
        if let Some(kept) = self.begin(&name, fingerprint)? {
            return Ok(kept);
        }
        let running = Running {
            store: self.clone(),
            name: Some(name),
        };
        let task = tokio::spawn(async move { call.await.inspect(|reply| running.finish(reply)) });
        match task.await {
            Ok(reply) => reply.map_err(|error| RpcError::from(error).into()),
            Err(_) => {
                let error = RpcError::new(Code::Internal, "the call was given up");
                Err(error.with_outcome(Outcome::Unknown).into())
            }
        }
    }

    /// Takes a name, or returns what is kept under it.
    fn begin(
        &self,
        name: &Arc<Name>,
        fingerprint: digest::Digest,
    ) -> Result<Option<WireReply>, Problem> {
        let mut entries = self.lock();
        entries.expire(Instant::now());
        if let Some(entry) = entries.by_name.get(name) {
            if entry.fingerprint.as_ref() != fingerprint.as_ref() {
                let text = "this `Idempotency-Key` was sent before, with another body";
                return Err(RpcError::invalid_argument(text).into());
            }
            return match &entry.reply {
                Some(reply) => Ok(Some(reply.clone())),
                None => {
                    let text = "the first request with this `Idempotency-Key` is still running";
                    let error = RpcError::new(Code::Aborted, text)
                        .with_retryable(true)
                        .with_outcome(Outcome::NotSent);
                    let soon = HeaderValue::from_static("1");
                    Err(Problem::from(error).with_header(header::RETRY_AFTER, soon))
                }
            };
        }
        let size = name.size();
        if entries.running() >= self.most_running || !entries.make_room(size, self.config.bytes) {
            let error = RpcError::new(Code::Unavailable, "too many idempotency keys in use");
            return Err(error.with_outcome(Outcome::NotSent).into());
        }
        entries.bytes += size;
        let entry = Entry {
            fingerprint,
            size,
            reply: None,
        };
        entries.by_name.insert(name.clone(), entry);
        Ok(None)
    }

    fn lock(&self) -> MutexGuard<'_, Entries> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entries {
    fn running(&self) -> usize {
        self.by_name.len() - self.finished.len()
    }

    fn remove(&mut self, name: &Name) {
        if let Some(entry) = self.by_name.remove(name) {
            self.bytes -= entry.size;
        }
    }

    fn expire(&mut self, now: Instant) {
        while self
            .finished
            .front()
            .is_some_and(|(until, _)| *until <= now)
            && let Some((_, name)) = self.finished.pop_front()
        {
            self.remove(&name);
        }
    }

    /// Forgets the oldest answers until `size` more bytes fit; running calls stay.
    fn make_room(&mut self, size: usize, most: usize) -> bool {
        while self.bytes + size > most {
            match self.finished.pop_front() {
                Some((_, oldest)) => self.remove(&oldest),
                None => return false,
            }
        }
        true
    }

    fn keep(&mut self, name: Arc<Name>, reply: WireReply, config: &Idempotency) {
        let size = reply.payload.len() + reply.headers.wire_len();
        if !self.make_room(size, config.bytes) {
            return self.remove(&name);
        }
        if let Some(entry) = self.by_name.get_mut(&name) {
            entry.reply = Some(reply);
            entry.size += size;
            self.bytes += size;
            self.finished
                .push_back((Instant::now() + config.time, name));
        }
    }
}

/// A name whose first call runs; free again if that is dropped.
struct Running {
    store: Arc<Store>,
    name: Option<Arc<Name>>,
}

impl Running {
    fn finish(mut self, reply: &WireReply) {
        if is_final(reply)
            && let Some(name) = self.name.take()
        {
            let owned = WireReply {
                headers: reply.headers.clone(),
                // What NATS hands over is a part of a larger buffer, which would be kept too.
                payload: Bytes::copy_from_slice(&reply.payload),
            };
            self.store.lock().keep(name, owned, &self.store.config);
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(name) = self.name.take() {
            self.store.lock().remove(&name);
        }
    }
}

/// Returns whether a repeat would end the same: a success, or a failure that lies in the call.
fn is_final(reply: &WireReply) -> bool {
    reply.error().is_none_or(|error| {
        // 408, 409, 429 and 499 speak of a moment.
        let is_lasting = !matches!(error.status(), 408 | 409 | 429 | 499);
        error.status() < 500 && is_lasting && !error.is_retryable() && error.outcome().is_none()
    })
}

impl Idempotency {
    /// Returns whether answers are kept at all.
    pub(crate) fn is_on(&self) -> bool {
        self.time > Duration::ZERO
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::ready;
    use tokio::time::advance;

    const TIME: Duration = Duration::from_secs(600);

    fn store(bytes: usize) -> Arc<Store> {
        Arc::new(Store::new(Idempotency { time: TIME, bytes }, usize::MAX))
    }

    fn name(key: &str) -> Name {
        Name {
            caller: None,
            target: "a.b".to_owned(),
            key: key.to_owned(),
        }
    }

    /// Calls under `key` with a call that replies with `text`; returns what came.
    async fn call(store: &Arc<Store>, key: &str, text: &'static str) -> String {
        let reply = ready(Ok(WireReply::success(text)));
        let reply = store.once(name(key), b"[]", reply).await.unwrap();
        String::from_utf8(reply.payload.to_vec()).unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn a_reply_is_kept_for_its_time() {
        let store = store(1 << 20);
        assert_eq!(call(&store, "k", "first").await, "first");
        advance(TIME - Duration::from_secs(1)).await;
        assert_eq!(call(&store, "k", "second").await, "first");
        assert_eq!(call(&store, "other", "third").await, "third");
        advance(Duration::from_secs(1)).await;
        assert_eq!(call(&store, "k", "fourth").await, "fourth");
        advance(2 * TIME).await;
        call(&store, "last", "x").await;
        let entries = store.lock();
        assert_eq!((entries.by_name.len(), entries.finished.len()), (1, 1));
        assert_eq!(entries.bytes, name("last").size() + 1);
    }

    #[tokio::test]
    async fn the_oldest_replies_make_room_and_running_calls_do_not() {
        let one = name("0").size() + 4;
        let store = store(3 * one);
        for key in ["1", "2", "3"] {
            assert_eq!(call(&store, key, "once").await, "once");
        }
        assert_eq!(call(&store, "4", "once").await, "once");
        assert_eq!(call(&store, "2", "more").await, "once");
        assert_eq!(call(&store, "1", "more").await, "more");
        assert!(store.lock().bytes <= 3 * one);
        // Running calls take all the room.
        let (hold, held) = tokio::sync::watch::channel(());
        let mut running = Vec::new();
        for key in ["a", "b", "c"] {
            let (store, mut held) = (store.clone(), held.clone());
            running.push(tokio::spawn(async move {
                let wait = async move {
                    let _ = held.changed().await;
                    Ok(WireReply::success("late"))
                };
                store.once(name(key), b"[]", wait).await.is_ok()
            }));
        }
        tokio::task::yield_now().await;
        let refused = store
            .once(name("d"), b"[]", ready(Ok(WireReply::success("x"))))
            .await;
        assert_eq!(refused.unwrap_err().code(), "unavailable");
        let running_still = store
            .once(name("a"), b"[]", ready(Ok(WireReply::success("x"))))
            .await;
        assert_eq!(running_still.unwrap_err().code(), "aborted");
        hold.send_replace(());
        for call in running {
            assert!(call.await.unwrap());
        }
        assert_eq!(call(&store, "d", "once").await, "once");
    }

    #[test]
    fn only_what_a_repeat_would_end_the_same_is_final() {
        let failure = |error: &RpcError| is_final(&WireReply::failure(error, None));
        assert!(is_final(&WireReply::success("[[], {}]")));
        for (code, expected) in [
            (Code::InvalidArgument, true),
            (Code::NotFound, true),
            (Code::AlreadyExists, false),
            (Code::Aborted, false),
            (Code::ResourceExhausted, false),
            (Code::Cancelled, false),
            (Code::Internal, false),
            (Code::Unavailable, false),
            (Code::DeadlineExceeded, false),
        ] {
            assert_eq!(failure(&RpcError::new(code, "x")), expected, "{code:?}");
        }
        assert!(failure(&RpcError::custom("user.gone", 410, "x")));
        assert!(!failure(
            &RpcError::custom("x.y", 422, "x").with_retryable(true)
        ));
        assert!(!failure(
            &RpcError::not_found("x").with_outcome(Outcome::Unknown)
        ));
    }

    #[tokio::test]
    async fn calls_that_outlive_their_requests_are_bounded() {
        let config = Idempotency {
            time: TIME,
            bytes: 1 << 20,
        };
        let store = Arc::new(Store::new(config, 2));
        for key in ["a", "b"] {
            let never = std::future::pending();
            // Its request is gone before it ends.
            let left = tokio::time::timeout(Duration::ZERO, store.once(name(key), b"[]", never));
            assert!(left.await.is_err());
        }
        let more = store.once(name("c"), b"[]", ready(Ok(WireReply::success("x"))));
        assert_eq!(more.await.unwrap_err().code(), "unavailable");
    }
}
