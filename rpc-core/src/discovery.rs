//! Answers `$SRV.*` (ADR-32), so that `nats service ls|info|stats|ping` show a service.

use std::sync::Arc;

use async_nats::{Client, Subject, SubscribeError, Subscriber};
use futures_util::StreamExt as _;
use futures_util::stream::{SelectAll, select_all};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use tracing::debug;

use crate::info::ANNOUNCE;
use crate::instance::Instance;
use crate::protocol::subject::is_reply_inbox;

/// What a discovery subject asks for.
const VERBS: [&str; 3] = ["PING", "INFO", "STATS"];

/// Returns the subject on which one instance alone answers PING.
pub(crate) fn own_ping(instance: &Instance) -> String {
    format!("$SRV.PING.{}.{}", instance.name, instance.id)
}

/// Returns the nine subjects of an instance.
pub(crate) fn subjects(instance: &Instance) -> impl Iterator<Item = String> + use<'_> {
    VERBS.iter().flat_map(|verb| {
        [
            format!("$SRV.{verb}"),
            format!("$SRV.{verb}.{}", instance.name),
            format!("$SRV.{verb}.{}.{}", instance.name, instance.id),
        ]
    })
}

/// Subscribes to them.
pub(crate) async fn subscribe(
    nats: &Client,
    instance: &Instance,
) -> Result<SelectAll<Subscriber>, SubscribeError> {
    let mut subscribers = Vec::new();
    for subject in subjects(instance) {
        subscribers.push(nats.subscribe(subject).await?);
    }
    Ok(select_all(subscribers))
}

/// Answers until `silence`, and then takes the subscriptions back, so that nobody waits for an
/// answer of an instance that is gone. Bodies are ignored; without an inbox to reply to, no answer.
pub(crate) async fn answer(
    nats: Client,
    instance: Arc<Instance>,
    inbox_prefix: String,
    mut questions: SelectAll<Subscriber>,
    silence: CancellationToken,
) {
    while let Some(Some(question)) = silence.run_until_cancelled(questions.next()).await {
        let inbox = |reply: &Subject| is_reply_inbox(reply, &inbox_prefix);
        let Some(reply) = question.reply.filter(inbox) else {
            continue;
        };
        let verb = question.subject.split('.').nth(1).unwrap_or_default();
        let body = match verb {
            "PING" => instance.ping(),
            "INFO" => instance.info(),
            _ => instance.stats(),
        };
        if let Err(error) = nats.publish(reply, body.to_string().into()).await {
            debug!("a discovery reply was not sent: {error}");
        }
    }
    for mut questions in questions {
        if let Err(error) = questions.unsubscribe().await {
            debug!("the connection ended before discovery did: {error}");
        }
    }
}

/// Says that an instance is `up` or `stopping`.
pub(crate) async fn announce(nats: &Client, instance: &Instance, state: &str) {
    let mut body = instance.ping();
    if let Value::Object(fields) = &mut body {
        fields.insert("state".to_owned(), json!(state));
    }
    if let Err(error) = nats.publish(ANNOUNCE, body.to_string().into()).await {
        debug!("an announcement was not sent: {error}");
    }
}
