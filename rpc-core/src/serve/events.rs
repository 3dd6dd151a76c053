//! One event through its handler.

use std::sync::Arc;

use async_nats::Message;

use super::Serving;
use crate::dispatch::{Dispatched, Dispatcher};
use crate::mux::from_nats;
use crate::protocol::Call;

/// Takes one event through its handler. Nobody gets a reply, also where the event names a place for
/// it: a method of the same name may send one.
pub(super) fn handle(serving: &Serving, handler: &Arc<Dispatcher>, event: Message) {
    let Message {
        subject,
        headers,
        payload,
        ..
    } = event;
    let call = Call::new(headers.as_ref().map(from_nats).unwrap_or_default(), payload);
    if let Dispatched::Pending(run) = handler.dispatch_event(call, subject.to_string()) {
        serving.running.spawn(run.finish(std::future::pending()));
    }
}
