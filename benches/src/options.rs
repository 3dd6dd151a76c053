//! The command line, and the plan it makes.

use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;

use crate::contenders::{ALL, Contender, Group};
use crate::workers::Worker;

/// Compares calls through this framework with raw async-nats, in one run.
#[derive(Debug, Parser)]
#[command(name = "compare", version)]
pub(crate) struct Options {
    /// A run of at most a minute: two levels, two rounds, short measurements
    #[arg(long)]
    quick: bool,
    /// Print JSON instead of tables
    #[arg(long)]
    pub(crate) json: bool,
    /// How many calls are in flight, separated by commas [default: 1,16,64,256; quick: 1,256]
    #[arg(long, value_delimiter = ',', value_name = "N", value_parser = clap::value_parser!(u32).range(1..=4_000))]
    in_flight: Vec<u32>,
    /// How often everything is measured; the median counts [default: 5; quick: 2]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    rounds: Option<u32>,
    /// How long one measurement takes, in milliseconds [default: 650; quick: 400]
    #[arg(long, value_name = "MS", value_parser = clap::value_parser!(u64).range(20..))]
    millis: Option<u64>,
    /// Which contenders run, separated by commas [default: all but the optional ones]
    #[arg(long, value_delimiter = ',', value_name = "NAME", value_parser = contender)]
    contenders: Vec<&'static Contender>,
    /// The real nats-server
    #[arg(long, env = "NATS_SERVER_BIN", value_name = "FILE")]
    nats_server: Option<PathBuf>,
    /// Measure on the real nats-server only
    #[arg(long)]
    no_embedded: bool,
    #[command(subcommand)]
    pub(crate) worker: Option<Worker>,
}

/// What is measured, how often and how long.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) contenders: Vec<&'static Contender>,
    pub(crate) in_flight: Vec<u32>,
    pub(crate) rounds: u32,
    pub(crate) duration: Duration,
    pub(crate) warm_up: Duration,
    pub(crate) brokers: Vec<Broker>,
}

/// A NATS server that the contenders run on.
#[derive(Clone, Debug)]
pub(crate) enum Broker {
    /// The real one: its program, or why there is none.
    NatsServer(Result<PathBuf, String>),
    /// The embedded one, in a process of its own.
    Embedded,
}

impl Broker {
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::NatsServer(_) => "real nats-server",
            Self::Embedded => "embedded broker",
        }
    }
}

impl Options {
    /// Returns what these options ask for.
    pub(crate) fn plan(&self) -> Result<Plan, String> {
        let (levels, rounds, millis): (&[u32], _, _) = match self.quick {
            true => (&[1, 256], 2, 400),
            false => (&[1, 16, 64, 256], 5, 650),
        };
        let mut contenders = self.contenders.clone();
        if contenders.is_empty() {
            contenders = ALL.iter().filter(|each| !each.optional).collect();
        }
        // Ratios need their yardstick in the same run.
        for group in [Group::Nats, Group::Http] {
            let yardstick = group.yardstick();
            let asked = contenders.iter().any(|each| each.group == group);
            if asked && !contenders.iter().any(|each| each.name == yardstick.name) {
                contenders.push(yardstick);
            }
        }
        contenders.sort_by_key(|each| ALL.iter().position(|listed| listed.name == each.name));
        contenders.dedup_by_key(|each| each.name);
        let mut brokers = vec![Broker::NatsServer(self.nats_server())];
        if !self.no_embedded {
            brokers.push(Broker::Embedded);
        }
        if cfg!(debug_assertions) {
            return Err("an unoptimised build says nothing: add `--release`".to_owned());
        }
        Ok(Plan {
            contenders,
            in_flight: match self.in_flight.is_empty() {
                true => levels.to_vec(),
                false => self.in_flight.clone(),
            },
            rounds: self.rounds.unwrap_or(rounds),
            duration: Duration::from_millis(self.millis.unwrap_or(millis)),
            warm_up: Duration::from_millis(150),
            brokers,
        })
    }

    fn nats_server(&self) -> Result<PathBuf, String> {
        match &self.nats_server {
            None => Err("NATS_SERVER_BIN is not set; `make bench` installs and sets it".to_owned()),
            Some(file) if file.is_file() => Ok(file.clone()),
            Some(file) => Err(format!("there is no file {}", file.display())),
        }
    }
}

fn contender(name: &str) -> Result<&'static Contender, String> {
    ALL.iter().find(|each| each.name == name).ok_or_else(|| {
        let names: Vec<_> = ALL.iter().map(|each| each.name).collect();
        format!("expected one of {}", names.join(", "))
    })
}
