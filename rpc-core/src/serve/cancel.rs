//! Whether the caller still waits.

use std::future::pending;
use std::time::Duration;

use async_nats::Subject;
use futures_util::StreamExt as _;
use tokio::time::sleep;

use crate::client::Client;
use crate::mux::cancel_subject;

/// A call is listened for only when it has run so long, so that fast calls cost nothing more.
/// Callers give up no earlier than 100 ms after they called, which leaves as long for the server to
/// learn of the subscription.
const SLOW: Duration = Duration::from_millis(50);

/// Resolves when the caller that waits on `reply` says that it waits no longer.
pub(super) async fn given_up(client: &Client, reply: &Subject) {
    sleep(SLOW).await;
    let connection = client.connection();
    // Where the server has refused it once, asking again would be one more refusal for each call.
    if connection.may_hear_cancellations() {
        let link = connection.link().clone();
        if let Ok(mut words) = link.nats.subscribe(cancel_subject(reply)).await
            && words.next().await.is_some()
        {
            return;
        }
    }
    // The connection broke, or there is nothing to hear; the deadline ends the call.
    pending::<()>().await;
}
