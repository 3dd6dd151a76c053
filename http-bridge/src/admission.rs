//! How many connections may be open, in all and for one address.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};

/// The connections of one bridge, counted.
#[derive(Debug)]
pub(crate) struct Admission {
    most: usize,
    most_per_address: usize,
    counts: Mutex<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    total: usize,
    per_address: HashMap<IpAddr, usize>,
}

/// One open connection.
#[derive(Debug)]
pub(crate) struct Admitted {
    admission: Arc<Admission>,
    address: IpAddr,
}

impl Admission {
    /// Creates a count of none.
    pub(crate) fn new(most: usize, most_per_address: usize) -> Arc<Self> {
        Arc::new(Self {
            most,
            most_per_address,
            counts: Mutex::default(),
        })
    }

    /// Counts a connection in, or refuses it: there is no queue.
    pub(crate) fn admit(self: &Arc<Self>, address: IpAddr) -> Option<Admitted> {
        let address = network_of(address);
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let known = counts.per_address.get(&address).copied().unwrap_or(0);
        if counts.total >= self.most || known >= self.most_per_address {
            return None;
        }
        counts.total += 1;
        counts.per_address.insert(address, known + 1);
        drop(counts);
        Some(Admitted {
            admission: self.clone(),
            address,
        })
    }
}

impl Drop for Admitted {
    fn drop(&mut self) {
        let mut counts = self
            .admission
            .counts
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        counts.total -= 1;
        if let Some(count) = counts.per_address.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                counts.per_address.remove(&self.address);
            }
        }
    }
}

/// One IPv6 subscriber commands a whole /64, so that is what counts as an address.
pub(crate) fn network_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn connections_are_bounded_in_all_and_per_address_and_come_free_again() {
        let admission = Admission::new(3, 2);
        let first = admission.admit(ip("10.0.0.1")).unwrap();
        let _second = admission.admit(ip("::ffff:10.0.0.1")).unwrap();
        assert!(admission.admit(ip("10.0.0.1")).is_none());
        let _third = admission.admit(ip("10.0.0.2")).unwrap();
        assert!(admission.admit(ip("10.0.0.3")).is_none());
        drop(first);
        assert!(admission.admit(ip("10.0.0.1")).is_some());
    }

    #[test]
    fn a_v6_network_is_one_address() {
        assert_eq!(
            network_of(ip("2001:db8::1")),
            network_of(ip("2001:db8::2:3"))
        );
        assert_ne!(
            network_of(ip("2001:db8::1")),
            network_of(ip("2001:db8:0:1::1"))
        );
    }
}
