//! Asking: who is there, and what each of them offers.
//!
//! One question to everybody, `$SRV.PING`, has small answers. Only of those whose contract is not
//! known yet is more asked, `$SRV.INFO.<service>.<id>`, so a system in which nothing changes is
//! polled at next to no cost.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::{FutureExt as _, StreamExt as _};
use tokio::time::timeout;
use tracing::debug;

use super::Shared;
use super::registry::Noted;
use super::words::{self, Presence, Said};

/// How many instances are asked for their contract in one survey; the next one asks the others.
const MOST_QUESTIONS: usize = 256;
/// How many answers are read in one survey.
const MOST_ANSWERS: usize = 20_000;

/// How long a survey takes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    /// After so long without another answer, everybody is taken to have answered.
    pub(super) quiet: Duration,
    /// The longest it takes, however many keep answering.
    pub(super) longest: Duration,
}

impl Shared {
    /// Asks everybody who is there, and those with an unknown contract for it; returns who answered.
    pub(super) async fn survey(
        &self,
        patience: Patience,
    ) -> Result<HashSet<String>, async_nats::Error> {
        self.gather(Vec::new(), true, patience).await
    }

    /// Asks some instances for their contracts.
    pub(super) async fn inquire(
        &self,
        instances: Vec<Presence>,
        patience: Patience,
    ) -> Result<(), async_nats::Error> {
        self.gather(instances, false, patience).await.map(drop)
    }

    async fn gather(
        &self,
        instances: Vec<Presence>,
        everybody: bool,
        patience: Patience,
    ) -> Result<HashSet<String>, async_nats::Error> {
        let nats = self.client.connection().link().nats.clone();
        let inbox = nats.new_inbox();
        let mut answers = nats.subscribe(inbox.clone()).await?;
        let ask = async |subject: String| {
            nats.publish_with_reply(subject, inbox.clone(), Bytes::new())
                .await
        };
        let (mut asked, mut present) = (HashSet::new(), HashSet::new());
        if everybody {
            ask("$SRV.PING".to_owned()).await?;
        }
        let mut open = instances.len();
        for instance in instances {
            ask(info_of(&instance)).await?;
            asked.insert(instance.id);
        }
        // It comes back last of all that is on its way to us, and tells silence from a server that
        // is away: only in the first case are those who do not answer gone.
        nats.publish(inbox.clone(), Bytes::new()).await?;

        let (started, mut reached) = (Instant::now(), false);
        for _ in 0..MOST_ANSWERS {
            let next = match answers.next().now_or_never() {
                Some(next) => next,
                None => {
                    // A flood of answers is shown when it pauses, and not one by one.
                    self.show();
                    let left = patience.longest.saturating_sub(started.elapsed());
                    // Before the echo nothing can be said of anybody.
                    let wait = match reached {
                        true => patience.quiet.min(left),
                        false => left,
                    };
                    timeout(wait, answers.next()).await.ok().flatten()
                }
            };
            let Some(answer) = next else {
                break;
            };
            if answer.status.is_some() {
                open = open.saturating_sub(1);
            } else if answer.payload.is_empty() {
                reached = true;
            } else {
                match words::read(&answer.payload) {
                    Ok(Said::Here(presence)) => {
                        present.insert(presence.id.clone());
                        if self.note(|registry, now| registry.here(&presence, now))
                            == Noted::Unknown
                            && asked.len() < MOST_QUESTIONS
                            && asked.insert(presence.id.clone())
                        {
                            ask(info_of(&presence)).await?;
                            open += 1;
                        }
                    }
                    Ok(Said::Info(presence, contract)) if asked.contains(&presence.id) => {
                        open = open.saturating_sub(1);
                        self.note(|registry, now| registry.learn(&presence, contract, now));
                    }
                    Ok(_) => debug!("an answer to a question that was not asked"),
                    Err(reason) => debug!("an answer is not one of a service: {reason}"),
                }
            }
            if reached && open == 0 && !everybody {
                break;
            }
        }
        self.show();
        match reached {
            true => Ok(present),
            false => Err("the server did not send back our own message".into()),
        }
    }
}

fn info_of(instance: &Presence) -> String {
    format!("$SRV.INFO.{}.{}", instance.service, instance.id)
}
