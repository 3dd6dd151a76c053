//! The measurement: contenders take turns, round after round, and medians count.
//!
//! A machine with few cores is noisy over seconds, so contenders are measured A B C A B C, each
//! with fresh processes, and ratios are taken between neighbours of the same round.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::contenders::Contender;
use crate::load::Load;
use crate::options::{Broker, Plan};
use crate::processes::Process;
use crate::progress::Progress;

/// All that was measured.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) brokers: Vec<OnBroker>,
    pub(crate) load_average: String,
}

/// What was measured on one broker.
#[derive(Debug)]
pub(crate) struct OnBroker {
    pub(crate) name: &'static str,
    /// Or why nothing was.
    pub(crate) samples: Result<Samples, String>,
}

/// One sample per round, by contender and calls in flight.
pub(crate) type Samples = BTreeMap<(&'static str, u32), Vec<Sample>>;

/// One measurement.
#[derive(Clone, Debug)]
pub(crate) struct Sample {
    pub(crate) load: Load,
    pub(crate) service_nanos: u64,
    pub(crate) edge_nanos: Option<u64>,
}

impl Sample {
    pub(crate) fn calls_per_second(&self) -> f64 {
        self.load.calls as f64 / self.load.seconds.max(1e-9)
    }

    /// Returns how many µs each call took of `nanos`.
    pub(crate) fn micros_per_call(&self, nanos: u64) -> f64 {
        nanos as f64 / 1e3 / self.load.calls.max(1) as f64
    }
}

/// Measures everything of the plan.
pub(crate) async fn run(plan: &Plan) -> Result<Run, String> {
    let load_average = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let usable = plan
        .brokers
        .iter()
        .filter(|broker| !matches!(broker, Broker::NatsServer(Err(_))));
    let cells = plan.contenders.len() * plan.in_flight.len() * plan.rounds as usize;
    let mut progress = Progress::new(cells * usable.count());
    let mut brokers = Vec::new();
    for broker in &plan.brokers {
        let samples = match broker {
            Broker::NatsServer(Err(reason)) => Err(reason.clone()),
            usable => Ok(on_broker(plan, usable, &mut progress).await?),
        };
        let name = broker.name();
        brokers.push(OnBroker { name, samples });
    }
    Ok(Run {
        brokers,
        load_average: load_average.split(' ').take(1).collect(),
    })
}

async fn on_broker(
    plan: &Plan,
    broker: &Broker,
    progress: &mut Progress,
) -> Result<Samples, String> {
    let server = match broker {
        Broker::NatsServer(program) => {
            let program = program.as_ref()?.to_string_lossy();
            Process::start(&["nats-server", &program]).await?
        }
        Broker::Embedded => Process::start(&["broker"]).await?,
    };
    let mut samples = Samples::new();
    for round in 1..=plan.rounds {
        for &in_flight in &plan.in_flight {
            for contender in &plan.contenders {
                let name = contender.name;
                progress.next(&format!(
                    "{}, round {round}, {in_flight} in flight: {name}",
                    broker.name()
                ));
                let sample = measure(plan, contender, in_flight, &server.address).await?;
                samples.entry((name, in_flight)).or_default().push(sample);
            }
        }
    }
    server.end().await;
    Ok(samples)
}

/// Starts a contender's processes, measures once, and ends them.
async fn measure(
    plan: &Plan,
    contender: &Contender,
    in_flight: u32,
    nats: &str,
) -> Result<Sample, String> {
    let (responder, flavor) = contender.service;
    let mut service =
        Process::start(&["service", responder.as_str(), flavor.as_str(), nats]).await?;
    let mut edge = match contender.edge {
        Some(edge) => Some(Process::start(&["edge", edge.as_str(), nats]).await?),
        None => None,
    };
    let address = edge.as_ref().map_or(nats, |edge| edge.address.as_str());
    let (caller, flavor) = contender.client;
    let mut client = Process::start(&["client", caller.as_str(), flavor.as_str(), address]).await?;

    let warm_up = plan.warm_up.as_millis();
    let millis = plan.duration.as_millis();
    let question = format!("{in_flight} {warm_up} {millis}");
    client.ask(&question, plan.warm_up).await?;
    let service_before = service.cpu_nanos().await?;
    let edge_before = cpu_nanos(&mut edge).await?;
    let answer = client.ask("go", plan.duration).await?;
    let service_nanos = service.cpu_nanos().await? - service_before;
    let edge_after = cpu_nanos(&mut edge).await?;
    let load: Load = serde_json::from_str(&answer)
        .map_err(|error| format!("a client said {answer:?}: {error}"))?;

    client.end().await;
    service.end().await;
    if let Some(edge) = edge {
        edge.end().await;
    }
    // The server closes their subscriptions in this time; the next contender uses the same subject.
    tokio::time::sleep(Duration::from_millis(10)).await;
    Ok(Sample {
        load,
        service_nanos,
        edge_nanos: edge_before.zip(edge_after).map(|(from, to)| to - from),
    })
}

async fn cpu_nanos(process: &mut Option<Process>) -> Result<Option<u64>, String> {
    match process {
        Some(process) => Ok(Some(process.cpu_nanos().await?)),
        None => Ok(None),
    }
}
