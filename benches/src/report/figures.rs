//! From samples to figures: medians over the rounds, ratios within them.

use serde::Serialize;

use crate::measure::{Sample, Samples};

/// What is known of one contender with so many calls in flight.
#[derive(Debug, Serialize)]
pub(crate) struct Figures {
    pub(crate) calls_per_second: f64,
    /// Half the distance between the slowest and the fastest round, as a part of the median.
    pub(crate) spread: f64,
    /// Calls per second beside the yardstick's, in the same round.
    pub(crate) ratio: Option<f64>,
    pub(crate) client_cpu_micros: f64,
    pub(crate) edge_cpu_micros: Option<f64>,
    pub(crate) service_cpu_micros: f64,
    pub(crate) p50_micros: f64,
    pub(crate) p99_micros: f64,
    pub(crate) failed: u64,
    pub(crate) first_failure: Option<String>,
}

impl Figures {
    /// Returns the figures of a contender beside those of its yardstick.
    pub(crate) fn of(
        samples: &Samples,
        name: &'static str,
        yardstick: &'static str,
        in_flight: u32,
    ) -> Option<Self> {
        let own = samples.get(&(name, in_flight))?;
        let rates: Vec<f64> = own.iter().map(Sample::calls_per_second).collect();
        let rate = median(rates.iter().copied())?;
        let slowest = rates.iter().copied().fold(f64::INFINITY, f64::min);
        let fastest = rates.iter().copied().fold(0.0, f64::max);
        let each = |figure: fn(&Sample) -> f64| median(own.iter().map(figure));
        Some(Self {
            calls_per_second: rate,
            spread: (fastest - slowest) / 2.0 / rate.max(1e-9),
            ratio: ratio(samples, name, yardstick, in_flight),
            client_cpu_micros: each(|sample| sample.micros_per_call(sample.load.cpu_nanos))?,
            edge_cpu_micros: median(
                own.iter()
                    .filter_map(|sample| Some(sample.micros_per_call(sample.edge_nanos?))),
            ),
            service_cpu_micros: each(|sample| sample.micros_per_call(sample.service_nanos))?,
            p50_micros: each(|sample| f64::from(sample.load.p50_nanos) / 1e3)?,
            p99_micros: each(|sample| f64::from(sample.load.p99_nanos) / 1e3)?,
            failed: own.iter().map(|sample| sample.load.failed).sum(),
            first_failure: own
                .iter()
                .find_map(|sample| sample.load.first_failure.clone()),
        })
    }
}

/// Returns the median over the rounds of one contender's calls per second beside another's.
pub(crate) fn ratio(
    samples: &Samples,
    name: &'static str,
    other: &'static str,
    in_flight: u32,
) -> Option<f64> {
    let own = samples.get(&(name, in_flight))?;
    let others = samples.get(&(other, in_flight))?;
    median(
        own.iter()
            .zip(others)
            .map(|(own, other)| own.calls_per_second() / other.calls_per_second().max(1e-9)),
    )
}

fn median(values: impl Iterator<Item = f64>) -> Option<f64> {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => None,
        len if len % 2 == 1 => Some(values[middle]),
        _ => Some(f64::midpoint(values[middle - 1], values[middle])),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle_or_between_the_two_in_the_middle() {
        assert_eq!(median([3.0, 1.0, 2.0].into_iter()), Some(2.0));
        assert_eq!(median([4.0, 1.0, 2.0, 3.0].into_iter()), Some(2.5));
        assert_eq!(median(std::iter::empty()), None);
    }
}
