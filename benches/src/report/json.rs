//! The report for scripts.

use serde_json::{Value, json};

use super::figures::Figures;
use super::footer;
use crate::measure::{Run, Samples};
use crate::options::Plan;

/// Returns the figures as one JSON document.
pub(crate) fn json(plan: &Plan, run: &Run) -> Result<String, serde_json::Error> {
    let mut brokers = Vec::new();
    for broker in &run.brokers {
        brokers.push(match &broker.samples {
            Ok(samples) => json!({ "broker": broker.name, "results": results(plan, samples)? }),
            Err(reason) => json!({ "broker": broker.name, "not_measured": reason }),
        });
    }
    let document = json!({
        "machine": { "cores": footer::cores(), "cpu": footer::cpu_model(), "load_average": run.load_average },
        "rounds": plan.rounds,
        "millis": plan.duration.as_millis() as u64,
        "warm_up_millis": plan.warm_up.as_millis() as u64,
        "method": footer::lines(plan, run),
        "brokers": brokers,
    });
    Ok(serde_json::to_string_pretty(&document)? + "\n")
}

fn results(plan: &Plan, samples: &Samples) -> Result<Vec<Value>, serde_json::Error> {
    let mut results = Vec::new();
    for &in_flight in &plan.in_flight {
        for contender in &plan.contenders {
            let yardstick = contender.group.yardstick().name;
            let Some(figures) = Figures::of(samples, contender.name, yardstick, in_flight) else {
                continue;
            };
            let mut result = serde_json::to_value(figures)?;
            result["contender"] = contender.name.into();
            result["yardstick"] = yardstick.into();
            result["in_flight"] = in_flight.into();
            results.push(result);
        }
    }
    Ok(results)
}
