//! The circuit of one method: closed, open, half open.

use std::time::Duration;

use tokio::time::Instant;

use super::BreakerConfig;
use super::window::Window;
use crate::context::after;

/// Whether calls of one method pass.
#[derive(Debug)]
pub(super) struct Circuit {
    state: State,
    /// Moves with each change, so that calls from before it are not counted after it.
    epoch: u64,
}

#[derive(Debug)]
enum State {
    /// Calls pass and are counted.
    Closed(Window),
    /// No call passes.
    Open { until: Instant },
    /// A few calls pass.
    HalfOpen { under_way: u32, succeeded: u32 },
}

/// Why a call does not pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// The method is spared for so long.
    Open(Duration),
    /// As many calls as may try it are under way.
    Probing,
}

/// What the end of a call did to the circuit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    Opened,
    Closed,
}

impl Circuit {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            state: State::Closed(Window::new(now)),
            epoch: 0,
        }
    }

    /// Lets a call pass, which [leaves](Self::leave) with what this returns, or refuses it.
    pub(super) fn enter(&mut self, now: Instant, config: &BreakerConfig) -> Result<u64, Refused> {
        if let State::Open { until } = self.state {
            let left = until.saturating_duration_since(now);
            if !left.is_zero() {
                return Err(Refused::Open(left));
            }
            self.become_state(State::HalfOpen {
                under_way: 0,
                succeeded: 0,
            });
        }
        if let State::HalfOpen {
            under_way,
            succeeded,
        } = &mut self.state
        {
            if *under_way + *succeeded >= config.probes.max(1) {
                return Err(Refused::Probing);
            }
            *under_way += 1;
        }
        Ok(self.epoch)
    }

    /// Notes the end of a call that has passed: whether it succeeded, where that is known.
    pub(super) fn leave(
        &mut self,
        epoch: u64,
        succeeded: Option<bool>,
        now: Instant,
        config: &BreakerConfig,
    ) -> Option<Change> {
        if epoch != self.epoch {
            return None;
        }
        match (&mut self.state, succeeded) {
            (State::Closed(window), Some(good)) => {
                window.count(good, now, config.window);
                let (calls, failures) = window.totals();
                let share = f64::from(failures) / f64::from(calls);
                let enough = calls >= config.minimum_calls && failures > 0;
                (enough && share >= config.failure_ratio).then(|| self.open(now, config))
            }
            (State::HalfOpen { .. }, Some(false)) => Some(self.open(now, config)),
            (
                State::HalfOpen {
                    under_way,
                    succeeded,
                },
                good,
            ) => {
                *under_way -= 1;
                *succeeded += u32::from(good.is_some());
                let proved = *succeeded >= config.probes.max(1);
                proved.then(|| {
                    self.become_state(State::Closed(Window::new(now)));
                    Change::Closed
                })
            }
            (State::Open { .. }, _) | (State::Closed(_), None) => None,
        }
    }

    fn open(&mut self, now: Instant, config: &BreakerConfig) -> Change {
        let until = after(now.into_std(), config.pause).into();
        self.become_state(State::Open { until });
        Change::Opened
    }

    fn become_state(&mut self, state: State) {
        self.state = state;
        self.epoch += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIG: BreakerConfig = BreakerConfig {
        failure_ratio: 0.5,
        minimum_calls: 4,
        window: Duration::from_secs(10),
        pause: Duration::from_secs(5),
        probes: 2,
        most_methods: 8,
    };

    /// A circuit and the time, in milliseconds.
    struct Story {
        circuit: Circuit,
        begin: Instant,
    }

    impl Story {
        fn new() -> Self {
            let begin = Instant::now();
            let circuit = Circuit::new(begin);
            Self { circuit, begin }
        }

        fn enter(&mut self, at: u64) -> Result<u64, Refused> {
            let now = self.begin + Duration::from_millis(at);
            self.circuit.enter(now, &CONFIG)
        }

        fn leave(&mut self, at: u64, epoch: u64, succeeded: Option<bool>) -> Option<Change> {
            let now = self.begin + Duration::from_millis(at);
            self.circuit.leave(epoch, succeeded, now, &CONFIG)
        }

        fn call(&mut self, at: u64, succeeds: bool) -> Option<Change> {
            let epoch = self.enter(at).expect("the circuit lets the call pass");
            self.leave(at, epoch, Some(succeeds))
        }

        /// Opens the circuit at 0.
        fn opened() -> Self {
            let mut story = Self::new();
            let ends: Vec<_> = (0..4).map(|_| story.call(0, false)).collect();
            assert_eq!(ends, [None, None, None, Some(Change::Opened)]);
            story
        }
    }

    #[test]
    fn it_opens_at_the_ratio_and_not_before_the_minimum() {
        for (calls, opens) in [
            (&[false, false, false][..], false),
            (&[false, false, false, false], true),
            (&[true, true, false, false], true),
            (&[true, true, true, false], false),
            (&[true, true, true, false, false, false], true),
            (&[true; 50], false),
        ] {
            let mut story = Story::new();
            let changes = calls.iter().filter_map(|good| story.call(0, *good));
            assert_eq!(changes.count() == 1, opens, "{calls:?}");
        }
    }

    /// The end of the pause was past the end of the clock, and the panic left the lock behind.
    #[test]
    fn a_pause_may_be_without_end() {
        let config = BreakerConfig {
            pause: Duration::MAX,
            ..CONFIG
        };
        let begin = Instant::now();
        let mut circuit = Circuit::new(begin);
        for _ in 0..4 {
            let epoch = circuit.enter(begin, &config).expect("it is closed");
            circuit.leave(epoch, Some(false), begin, &config);
        }
        let later = begin + Duration::from_secs(365 * 24 * 3600);
        assert!(circuit.enter(later, &config).is_err());
    }

    #[test]
    fn failures_that_are_older_than_the_window_do_not_count() {
        let mut story = Story::new();
        for at in [0, 1_000, 2_000] {
            assert_eq!(story.call(at, false), None);
        }
        // Those of the first two seconds are forgotten by now.
        assert_eq!(story.call(11_900, false), None);
        assert_eq!(story.call(11_900, false), None);
        assert_eq!(story.call(11_900, false), Some(Change::Opened));
    }

    #[test]
    fn an_open_circuit_says_until_when() {
        let mut story = Story::opened();
        let left = |millis| Err(Refused::Open(Duration::from_millis(millis)));
        assert_eq!(story.enter(0), left(5_000));
        assert_eq!(story.enter(4_999), left(1));
        assert!(story.enter(5_000).is_ok());
    }

    #[test]
    fn it_closes_when_every_probe_has_succeeded() {
        let mut story = Story::opened();
        let first = story.enter(5_000).unwrap();
        let second = story.enter(5_000).unwrap();
        assert_eq!(story.enter(5_000), Err(Refused::Probing));
        assert_eq!(story.leave(5_001, first, Some(true)), None);
        assert_eq!(story.enter(5_001), Err(Refused::Probing));
        assert_eq!(story.leave(5_002, second, Some(true)), Some(Change::Closed));
        assert_eq!(story.call(5_003, false), None);
    }

    #[test]
    fn a_probe_that_fails_opens_it_again() {
        let mut story = Story::opened();
        let first = story.enter(5_000).unwrap();
        let second = story.enter(5_000).unwrap();
        assert_eq!(story.leave(5_100, first, Some(false)), Some(Change::Opened));
        // The other one belongs to the past.
        assert_eq!(story.leave(5_200, second, Some(true)), None);
        assert!(matches!(story.enter(10_000), Err(Refused::Open(_))));
        assert!(story.enter(10_100).is_ok());
    }

    #[test]
    fn a_probe_that_is_given_up_leaves_its_place_to_another() {
        let mut story = Story::opened();
        let first = story.enter(5_000).unwrap();
        let second = story.enter(5_000).unwrap();
        assert_eq!(story.leave(5_001, first, None), None);
        let third = story.enter(5_002).unwrap();
        assert_eq!(story.leave(5_003, second, Some(true)), None);
        assert_eq!(story.leave(5_003, third, Some(true)), Some(Change::Closed));
    }

    #[test]
    fn calls_from_before_it_opened_say_nothing_afterwards() {
        let mut story = Story::new();
        let slow = story.enter(0).unwrap();
        for _ in 0..4 {
            story.call(0, false);
        }
        assert_eq!(story.leave(1, slow, Some(true)), None);
        assert!(story.enter(2).is_err());
    }
}
