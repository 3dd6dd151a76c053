//! One call through its method, and its reply to the outbox.

use std::sync::Arc;

use async_nats::Message;
use tracing::warn;

use super::{OnLink, Takes, cancel};
use crate::dispatch::{Dispatched, Dispatcher};
use crate::mux::from_nats;
use crate::outbox::Outgoing;
use crate::protocol::subject::is_reply_inbox;
use crate::protocol::{Call, WireReply};

impl Takes for Arc<Dispatcher> {
    async fn take(&self, on: &Arc<OnLink>, request: Message) {
        let Message {
            reply,
            headers,
            payload,
            ..
        } = request;
        let serving = &on.serving;
        let mut call = Call::new(headers.as_ref().map(from_nats).unwrap_or_default(), payload);
        call.one_way = reply.is_none();
        let inbox_prefix = &serving.client.connection().config().inbox_prefix;
        if let Some(reply) = &reply
            && !is_reply_inbox(reply, inbox_prefix)
        {
            // Answering would publish wherever the caller wants, in this service's name.
            if let Some(times) = serving.misaddressed.once_more() {
                let subject = self.subject();
                warn!(subject, %reply, times, "a request whose reply subject is no inbox is dropped");
            }
            self.stats().rejected();
            return;
        }
        match (self.dispatch(call), reply) {
            (Dispatched::Done(answer), Some(reply)) => on.reply(outgoing(reply, answer)).await,
            (Dispatched::Done(_), None) => {}
            (Dispatched::Pending(call), Some(reply)) => {
                let on = on.clone();
                serving.running.spawn(async move {
                    let given_up = cancel::given_up(&on.serving.client, &reply);
                    let answer = call.finish(given_up).await;
                    on.reply_later(outgoing(reply, answer)).await;
                });
            }
            (Dispatched::Pending(call), None) => {
                serving.running.spawn(call.finish(std::future::pending()));
            }
        }
    }
}

/// Addresses a reply.
fn outgoing(reply: async_nats::Subject, answer: WireReply) -> Outgoing {
    let WireReply { headers, payload } = answer;
    Outgoing {
        subject: reply,
        reply: None,
        headers,
        payload,
    }
}
