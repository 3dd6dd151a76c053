//! The tables: one per broker and way to call, one block per number of calls in flight.

use std::fmt::Write as _;

use super::figures::Figures;
use crate::contenders::Group;
use crate::measure::Samples;
use crate::options::Plan;

/// Returns both tables of one broker.
pub(crate) fn tables(plan: &Plan, samples: &Samples) -> String {
    let mut text = String::new();
    for group in [Group::Nats, Group::Http] {
        if plan.contenders.iter().any(|each| each.group == group) {
            table(&mut text, plan, samples, group);
        }
    }
    text
}

fn table(text: &mut String, plan: &Plan, samples: &Samples, group: Group) {
    let yardstick = group.yardstick().name;
    let edge = match group {
        Group::Nats => "",
        Group::Http => "    bridge",
    };
    // Writing to a `String` does not fail.
    let _ = writeln!(
        text,
        "\n{}\n{:<10} {:<13} {:>9} {:>6} {:>13}{edge} {:>10} {:>8} {:>8}",
        group.title(),
        "in flight",
        "",
        "calls/s",
        "±",
        format!("× {yardstick}"),
        "client",
        "service",
        "p50",
    );
    text.truncate(text.trim_end().len());
    text.push_str("      p99\n");
    for &in_flight in &plan.in_flight {
        let mut label = in_flight.to_string();
        for contender in plan.contenders.iter().filter(|each| each.group == group) {
            let Some(figures) = Figures::of(samples, contender.name, yardstick, in_flight) else {
                continue;
            };
            row(text, &std::mem::take(&mut label), contender.name, &figures);
        }
    }
}

fn row(text: &mut String, label: &str, name: &str, figures: &Figures) {
    let edge = match figures.edge_cpu_micros {
        Some(micros) => format!("{micros:>7.2} µs"),
        None => String::new(),
    };
    let _ = writeln!(
        text,
        "{label:>9}  {name:<13} {:>9.0} {:>5.0}% {:>13.2}{edge} {:>7.2} µs {:>5.2} µs {:>5.0} µs {:>5.0} µs",
        figures.calls_per_second,
        figures.spread * 100.0,
        figures.ratio.unwrap_or_default(),
        figures.client_cpu_micros,
        figures.service_cpu_micros,
        figures.p50_micros,
        figures.p99_micros,
    );
    if let Some(failure) = &figures.first_failure {
        let line = failure.lines().next().unwrap_or_default();
        let _ = writeln!(text, "           ! {} calls failed: {line}", figures.failed);
    }
}
