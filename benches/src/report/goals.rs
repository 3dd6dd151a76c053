//! The goals of the design beside what was measured, where the run has the figures for it.

use std::fmt::Write as _;

use super::figures::{Figures, ratio};
use crate::measure::Samples;

/// A figure that ought to be reached with so many calls in flight.
struct Goal {
    what: &'static str,
    in_flight: u32,
    measured: Measured,
    bound: Bound,
}

enum Measured {
    /// Calls per second of the first beside the second.
    Ratio(&'static str, &'static str),
    /// CPU µs a call of a contender's client.
    Client(&'static str),
    /// CPU µs a call of a contender's service.
    Service(&'static str),
    /// CPU µs a call of a contender's bridge.
    Edge(&'static str),
}

enum Bound {
    AtLeast(f64),
    AtMost(f64),
}

use Bound::{AtLeast, AtMost};
use Measured::{Client, Edge, Ratio, Service};

const fn goal(what: &'static str, in_flight: u32, measured: Measured, bound: Bound) -> Goal {
    Goal {
        what,
        in_flight,
        measured,
        bound,
    }
}

const GOALS: &[Goal] = &[
    goal(
        "service, multi-thread: CPU µs a call",
        256,
        Service("rpc-mt"),
        AtMost(1.0),
    ),
    goal(
        "client, multi-thread: CPU µs a call",
        256,
        Client("rpc-mt"),
        AtMost(1.3),
    ),
    goal(
        "multi-thread × the usual code",
        256,
        Ratio("rpc-mt", "usual-mt"),
        AtLeast(2.3),
    ),
    goal(
        "multi-thread × raw on the same runtime",
        256,
        Ratio("rpc-mt", "raw-mt"),
        AtLeast(1.35),
    ),
    goal(
        "multi-thread × raw on its best runtime",
        256,
        Ratio("rpc-mt", "raw"),
        AtLeast(0.95),
    ),
    goal(
        "current-thread × raw",
        16,
        Ratio("rpc", "raw"),
        AtLeast(1.0),
    ),
    goal(
        "current-thread × raw",
        64,
        Ratio("rpc", "raw"),
        AtLeast(1.0),
    ),
    goal(
        "current-thread × raw",
        256,
        Ratio("rpc", "raw"),
        AtLeast(1.0),
    ),
    goal(
        "current-thread × raw, one call at a time",
        1,
        Ratio("rpc", "raw"),
        AtLeast(1.0),
    ),
    goal(
        "bridge × hand-written hyper handler",
        1,
        Ratio("http-bridge", "http-hyper"),
        AtLeast(1.0),
    ),
    goal(
        "bridge × hand-written hyper handler",
        16,
        Ratio("http-bridge", "http-hyper"),
        AtLeast(1.0),
    ),
    goal(
        "bridge × hand-written hyper handler",
        64,
        Ratio("http-bridge", "http-hyper"),
        AtLeast(1.0),
    ),
    goal(
        "bridge × hand-written hyper handler",
        256,
        Ratio("http-bridge", "http-hyper"),
        AtLeast(1.1),
    ),
    goal(
        "bridge: CPU µs a call",
        256,
        Edge("http-bridge"),
        AtMost(8.0),
    ),
];

/// Returns the goals that can be judged, a line each.
pub(crate) fn text(samples: &Samples) -> String {
    let mut text = String::new();
    for goal in GOALS {
        let Some(value) = goal.measured.value(samples, goal.in_flight) else {
            continue;
        };
        if text.is_empty() {
            text.push_str("\nGoals\n");
        }
        let (sign, bound, reached) = match goal.bound {
            AtLeast(bound) => ('≥', bound, value >= bound),
            AtMost(bound) => ('≤', bound, value <= bound),
        };
        let verdict = if reached { "reached" } else { "missed" };
        // Writing to a `String` does not fail.
        let _ = writeln!(
            text,
            "  {:<42} {:>3} in flight  {sign} {bound:.2}  {value:>5.2}  {verdict}",
            goal.what, goal.in_flight,
        );
    }
    text
}

impl Measured {
    fn value(&self, samples: &Samples, in_flight: u32) -> Option<f64> {
        let figures = |name| Figures::of(samples, name, name, in_flight);
        match *self {
            Ratio(name, other) => ratio(samples, name, other, in_flight),
            Client(name) => Some(figures(name)?.client_cpu_micros),
            Service(name) => Some(figures(name)?.service_cpu_micros),
            Edge(name) => figures(name)?.edge_cpu_micros,
        }
    }
}
