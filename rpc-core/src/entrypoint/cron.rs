//! Schedules on the wall clock of a time zone.

use std::time::{Duration, SystemTime};

use chrono::{DateTime, TimeDelta};
use chrono_tz::Tz;
use croner::parser::{CronParser, Seconds};
use tokio::time::sleep;

use super::timer::Clock;

/// The wall clock may be set while a timer sleeps, and a suspended machine does not count: nobody
/// sleeps longer without a look at it.
const LOOK: Duration = Duration::from_secs(30);
/// More missed ticks are not counted.
const MOST_MISSED: u64 = 10_000;

/// An expression and the zone whose clock it is about.
pub(super) struct Cron {
    pattern: croner::Cron,
    zone: Tz,
}

impl Cron {
    /// Reads five fields, or six with seconds first, and the name of a zone.
    pub(super) fn new(expression: &str, zone: &str) -> Result<Self, String> {
        let parser = CronParser::builder().seconds(Seconds::Optional).build();
        let pattern = parser.parse(expression);
        let pattern = pattern.map_err(|error| format!("`{expression}`: {error}"))?;
        let zone = zone.parse().map_err(|_| {
            format!("`{zone}` is not a time zone of the IANA database, such as `Europe/Brussels`")
        })?;
        let cron = Self { pattern, zone };
        match cron.next_after(now()) {
            Some(_) => Ok(cron),
            None => Err(format!("`{expression}` never comes")),
        }
    }

    pub(super) fn clock(self) -> CronClock {
        CronClock {
            next: self.next_after(now()),
            cron: self,
        }
    }

    /// Returns the first time after another that matches.
    fn next_after(&self, time: DateTime<chrono::Utc>) -> Option<DateTime<chrono::Utc>> {
        let time = time.with_timezone(&self.zone);
        let next = self.pattern.find_next_occurrence(&time, false);
        next.ok().map(|next| next.to_utc())
    }
}

/// A cron schedule that goes on.
pub(super) struct CronClock {
    cron: Cron,
    /// None when there is no further time.
    next: Option<DateTime<chrono::Utc>>,
}

impl Clock for CronClock {
    async fn due(&mut self) {
        let Some(next) = self.next else {
            return std::future::pending().await;
        };
        loop {
            let left = next.signed_duration_since(now());
            if left <= TimeDelta::zero() {
                return;
            }
            sleep(left.to_std().unwrap_or(LOOK).min(LOOK)).await;
        }
    }

    fn pass(&mut self) -> u64 {
        self.pass_at(now())
    }
}

impl CronClock {
    fn pass_at(&mut self, now: DateTime<chrono::Utc>) -> u64 {
        let Some(fired) = self.next else { return 0 };
        // A clock that was set back fires no time twice.
        self.next = self.cron.next_after(fired.max(now));
        let mut missed = 0;
        let mut time = fired;
        while let Some(next) = self.cron.next_after(time).filter(|next| *next <= now)
            && missed < MOST_MISSED
        {
            missed += 1;
            time = next;
        }
        missed
    }
}

fn now() -> DateTime<chrono::Utc> {
    SystemTime::now().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn utc(text: &str) -> DateTime<chrono::Utc> {
        text.parse()
            .unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    /// Returns the times after `from`, on the clock of the zone.
    fn times(expression: &str, zone: &str, from: &str, count: usize) -> Vec<String> {
        let cron = Cron::new(expression, zone).unwrap_or_else(|error| panic!("{error}"));
        let mut time = utc(from);
        let next = || {
            time = cron.next_after(time)?;
            Some(
                time.with_timezone(&cron.zone)
                    .format("%F %T %:z")
                    .to_string(),
            )
        };
        std::iter::from_fn(next).take(count).collect()
    }

    #[test]
    fn a_schedule_follows_the_clock_of_its_zone() {
        assert_eq!(
            times("0 3 * * *", "Europe/Brussels", "2026-07-01T00:00:00Z", 2),
            ["2026-07-01 03:00:00 +02:00", "2026-07-02 03:00:00 +02:00"]
        );
        assert_eq!(
            times("*/20 * * * * *", "UTC", "2026-07-01T00:00:00Z", 2),
            ["2026-07-01 00:00:20 +00:00", "2026-07-01 00:00:40 +00:00"]
        );
    }

    #[test]
    fn a_time_that_does_not_exist_comes_when_the_clock_jumps() {
        // In Brussels, 2026-03-29 has no time between 02:00 and 03:00.
        assert_eq!(
            times("30 2 * * *", "Europe/Brussels", "2026-03-28T12:00:00Z", 2),
            ["2026-03-29 03:00:00 +02:00", "2026-03-30 02:30:00 +02:00"]
        );
    }

    #[test]
    fn a_time_that_comes_twice_fires_once_and_an_interval_goes_on() {
        // In Brussels, 2026-10-25 has the hour from 02:00 to 03:00 twice.
        assert_eq!(
            times("30 2 * * *", "Europe/Brussels", "2026-10-24T12:00:00Z", 2),
            ["2026-10-25 02:30:00 +02:00", "2026-10-26 02:30:00 +01:00"]
        );
        assert_eq!(
            times("*/30 * * * *", "Europe/Brussels", "2026-10-24T23:59:00Z", 5),
            [
                "2026-10-25 02:00:00 +02:00",
                "2026-10-25 02:30:00 +02:00",
                "2026-10-25 02:00:00 +01:00",
                "2026-10-25 02:30:00 +01:00",
                "2026-10-25 03:00:00 +01:00",
            ]
        );
    }

    #[test]
    fn times_that_pass_during_a_tick_are_skipped_and_counted() {
        let cron = Cron::new("*/10 * * * * *", "UTC").unwrap_or_else(|error| panic!("{error}"));
        let next = Some(utc("2026-07-01T00:00:10Z"));
        let mut clock = CronClock { cron, next };
        assert_eq!(clock.pass_at(utc("2026-07-01T00:00:45Z")), 3);
        assert_eq!(clock.next, Some(utc("2026-07-01T00:00:50Z")));
        // A clock that was set back does not fire again what has been.
        assert_eq!(clock.pass_at(utc("2026-07-01T00:00:20Z")), 0);
        assert_eq!(clock.next, Some(utc("2026-07-01T00:01:00Z")));
    }

    #[test]
    fn what_cannot_be_read_says_why() {
        for (expression, zone, reason) in [
            ("0 25 * * *", "UTC", "`0 25 * * *`"),
            ("0 3 31 2 *", "UTC", "never comes"),
            ("0 3 * * *", "Europe/Brussel", "is not a time zone"),
        ] {
            let error = Cron::new(expression, zone).map(drop).expect_err(expression);
            assert!(error.contains(reason), "{error}");
        }
    }
}
