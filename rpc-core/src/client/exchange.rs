//! One request and its one reply: sent once, waited for until the deadline.

use std::future::Future;
use std::time::{Duration, Instant};

use async_nats::Subject;
use bytes::Bytes;
use serde_json::Value;
use tokio::time::{timeout, timeout_at};

use super::{CallError, Client};
use crate::context::after;
use crate::mux::{Unanswered, Waiting};
use crate::outbox::Outgoing;
use crate::protocol::{Headers, Outcome, WireReply};

/// Deadlines shorter than this get a timer of their own; the mux notices longer ones within 25 ms.
const SHORT: Duration = Duration::from_secs(1);

impl Client {
    /// Makes a round trip through the server and returns how long it took.
    ///
    /// # Errors
    /// [`CallError::Disconnected`] or [`CallError::Deadline`].
    pub async fn round_trip(&self, timeout: Duration) -> Result<Duration, CallError> {
        let sent = Instant::now();
        let deadline = after(sent, timeout);
        self.ensure_connected()?;
        let waiting = self.core.mux.wait("the server", sent, deadline);
        let own_inbox = self.core.mux.reply_subject(&waiting);
        let send = self.send(own_inbox, None, Headers::new(), Bytes::new());
        self.answer(send, waiting, deadline, timeout).await?;
        Ok(sent.elapsed())
    }

    /// Waits until the server has received everything that was sent before.
    pub(crate) async fn flush(&self) {
        const LONGEST: Duration = Duration::from_secs(2);
        // While there is no connection there is nothing that waiting could help.
        let _ = timeout(LONGEST, self.core.outbox.flush()).await;
        let _ = self.round_trip(LONGEST).await;
    }

    /// Asks the instance that this client is of for its STATS.
    pub(crate) async fn stats_of_caller(&self, timeout: Duration) -> Result<Value, CallError> {
        let instance = self.caller.as_deref().unwrap_or_default().replace('/', ".");
        let subject = format!("$SRV.STATS.{instance}");
        let asked = self.exchange(&subject, Headers::new(), Bytes::new(), timeout);
        let reply = asked.await?;
        serde_json::from_slice(&reply.payload).map_err(|error| CallError::BadReply {
            subject,
            reason: error.to_string(),
        })
    }

    /// Sends a request to any subject, the framework's own included, and waits for one reply.
    pub(crate) async fn exchange(
        &self,
        subject: &str,
        headers: Headers,
        payload: Bytes,
        timeout: Duration,
    ) -> Result<WireReply, CallError> {
        let began = Instant::now();
        self.transmit(subject, headers, payload, began, timeout)
            .await
    }

    /// Sends a request and waits for one reply until `timeout` after `began`. That nobody listens
    /// is [`CallError::Unavailable`] here, and nothing else is.
    pub(super) async fn transmit(
        &self,
        subject: &str,
        headers: Headers,
        payload: Bytes,
        began: Instant,
        timeout: Duration,
    ) -> Result<WireReply, CallError> {
        self.ensure_room(&headers, &payload)?;
        self.ensure_connected()?;
        let deadline = after(began, timeout);
        let waiting = self.core.mux.wait(subject, began, deadline);
        let reply = self.core.mux.reply_subject(&waiting);
        let send = self.send(Subject::from(subject), Some(reply), headers, payload);
        self.answer(send, waiting, deadline, timeout).await
    }

    /// Hands a message that asks for no reply to the connection, if that takes it in time.
    pub(super) async fn publish(
        &self,
        subject: &str,
        headers: Headers,
        payload: Bytes,
        within: Duration,
    ) -> Result<(), CallError> {
        self.ensure_room(&headers, &payload)?;
        self.ensure_connected()?;
        let message = Outgoing {
            subject: Subject::from(subject),
            reply: None,
            headers,
            payload,
        };
        timeout(within, self.core.outbox.publish(message))
            .await
            .map_err(|_| CallError::Disconnected(Outcome::NotSent))
    }

    fn ensure_room(&self, headers: &Headers, payload: &Bytes) -> Result<(), CallError> {
        let limit = self.max_payload();
        let size = headers.wire_len() + payload.len();
        match size > limit {
            true => Err(CallError::TooLarge { size, limit }),
            false => Ok(()),
        }
    }

    fn ensure_connected(&self) -> Result<(), CallError> {
        match self.core.connection.is_connected() {
            true => Ok(()),
            false => Err(CallError::Disconnected(Outcome::NotSent)),
        }
    }

    /// Sends at once when no other call is under way, and with the others when there are some.
    async fn send(
        &self,
        subject: Subject,
        reply: Option<Subject>,
        headers: Headers,
        payload: Bytes,
    ) {
        let message = Outgoing {
            subject,
            reply,
            headers,
            payload,
        };
        match self.core.mux.in_flight() {
            // Boxed, or every call that is queued would carry the room that this takes. Futures
            // above 1 KiB are also those that the usual allocators are slow with.
            0 | 1 => Box::pin(self.core.outbox.publish(message)).await,
            _ => self.core.outbox.enqueue(message).await,
        }
    }

    /// Sends, and waits for the answer. The deadline holds for both: sending waits while the
    /// connection's queue is full, and that of a frozen server stays full.
    pub(super) async fn answer(
        &self,
        send: impl Future<Output = ()>,
        mut waiting: Waiting<'_>,
        deadline: Instant,
        timeout: Duration,
    ) -> Result<WireReply, CallError> {
        let subject = waiting.subject;
        let answer = async {
            tokio::select! {
                biased;
                () = send => {}
                answer = &mut waiting => return answer,
            }
            waiting.await
        };
        let answer = match timeout < SHORT {
            true => timeout_at(deadline.into(), answer)
                .await
                .unwrap_or(Err(Unanswered::Deadline)),
            false => answer.await,
        };
        answer.map_err(|reason| match reason {
            Unanswered::NoResponders => CallError::nobody_listens(subject),
            Unanswered::Disconnected => CallError::Disconnected(Outcome::Unknown),
            Unanswered::Deadline => CallError::no_answer(subject),
            Unanswered::Denied => CallError::PermissionDenied(subject.to_owned()),
        })
    }
}
