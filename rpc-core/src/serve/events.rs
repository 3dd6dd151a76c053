//! One event through its handler.

use std::sync::Arc;

use async_nats::Message;

use super::{OnLink, Takes};
use crate::entrypoint::BoundHandler;
use crate::mux::from_nats;
use crate::protocol::Call;
use crate::protocol::subject::is_reply_inbox;

/// Nobody gets a reply, also where the event names a place for it: a method of the same name may
/// send one.
impl Takes for Arc<BoundHandler> {
    async fn take(&self, on: &Arc<OnLink>, event: Message) {
        let Message {
            subject,
            reply,
            headers,
            payload,
            ..
        } = event;
        if self.wildcards
            && let Some(reply) = reply
            && is_reply_inbox(
                &reply,
                &on.serving.client.connection().config().inbox_prefix,
            )
        {
            // A call of a method whose subject the wildcards cover, and no event.
            return;
        }
        let call = Call::new(headers.as_ref().map(from_nats).unwrap_or_default(), payload);
        if let Some(run) = self.dispatcher.dispatch_event(call, subject.to_string()) {
            on.serving.running.spawn(run.finish(std::future::pending()));
        }
    }
}
