//! The circuits of all methods that a client calls.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::time::Instant;

use super::BreakerConfig;
use super::circuit::Circuit;

/// One circuit for each method, for a limited number of them.
#[derive(Debug)]
pub(super) struct Circuits {
    config: BreakerConfig,
    by_subject: Mutex<HashMap<String, Known>>,
}

#[derive(Debug)]
struct Known {
    circuit: Arc<Mutex<Circuit>>,
    used: Instant,
}

impl Circuits {
    pub(super) fn new(config: BreakerConfig) -> Self {
        let by_subject = Mutex::default();
        Self { config, by_subject }
    }

    pub(super) fn config(&self) -> &BreakerConfig {
        &self.config
    }

    /// Returns the circuit of a method.
    pub(super) fn of(&self, subject: &str, now: Instant) -> Arc<Mutex<Circuit>> {
        let by_subject = self.by_subject.lock();
        let mut by_subject = by_subject.unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = by_subject.get_mut(subject) {
            known.used = now;
            return known.circuit.clone();
        }
        if by_subject.len() >= self.config.most_methods.max(1) {
            // Looking through all of them is for callers who name ever new methods.
            let idle = by_subject.iter().min_by_key(|(_, known)| known.used);
            if let Some(idle) = idle.map(|(subject, _)| subject.clone()) {
                by_subject.remove(&idle);
            }
        }
        let circuit = Arc::new(Mutex::new(Circuit::new(now)));
        let known = Known {
            circuit: circuit.clone(),
            used: now,
        };
        by_subject.insert(subject.to_owned(), known);
        circuit
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_method_that_was_not_called_for_longest_makes_room() {
        let circuits = Circuits::new(BreakerConfig {
            most_methods: 2,
            ..BreakerConfig::default()
        });
        let begin = Instant::now();
        let of = |subject, at| circuits.of(subject, begin + Duration::from_secs(at));
        let (a, b) = (of("s.a", 0), of("s.b", 1));
        assert!(Arc::ptr_eq(&a, &of("s.a", 2)));
        of("s.c", 3);
        assert!(Arc::ptr_eq(&a, &of("s.a", 4)));
        assert!(!Arc::ptr_eq(&b, &of("s.b", 5)));
    }
}
