//! What comes out: a table for people, JSON for scripts.

mod figures;
mod footer;
mod goals;
mod json;
mod table;

use crate::measure::Run;
use crate::options::Plan;

pub(crate) use json::json;

/// Returns the report for people.
pub(crate) fn text(plan: &Plan, run: &Run) -> String {
    let mut text = String::new();
    for broker in &run.brokers {
        text += &format!("\n{}\n", broker.name.to_uppercase());
        match &broker.samples {
            Ok(samples) => {
                text += &table::tables(plan, samples);
                text += &goals::text(samples);
            }
            Err(reason) => text += &format!("not measured: {reason}\n"),
        }
    }
    text += &footer::text(plan, run);
    text
}
