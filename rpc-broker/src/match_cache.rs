//! What the subjects a connection published to recently reach.

use std::hash::{BuildHasher, RandomState};

use crate::sublist::{Match, Sublist};

/// Subjects remembered per connection; a power of two.
const SLOTS: usize = 256;

/// A direct-mapped cache in front of the [`Sublist`], private to a connection.
///
/// A subject has one slot, and a newer subject with the same slot replaces
/// it in place. So there is nothing to evict, a change of the sublist
/// invalidates by number instead of by clearing, and reply subjects, which
/// are seen once, reuse the allocations of the slot they land in. A slot may
/// keep a subscription that has ended alive, but nothing uses it.
#[derive(Debug)]
pub(crate) struct MatchCache<S> {
    /// Empty until the first look-up: most connections of a large
    /// installation only listen.
    slots: Vec<Slot<S>>,
    hasher: RandomState,
}

#[derive(Debug)]
struct Slot<S> {
    generation: u64,
    subject: Vec<u8>,
    found: Match<S>,
}

impl<S: Clone + PartialEq> MatchCache<S> {
    pub(crate) fn new() -> Self {
        Self {
            slots: Vec::new(),
            hasher: RandomState::new(),
        }
    }

    /// Returns what the subject reaches now.
    pub(crate) fn find(&mut self, sublist: &Sublist<S>, subject: &[u8]) -> &Match<S> {
        if self.slots.is_empty() {
            self.slots.resize_with(SLOTS, Slot::default);
        }
        let at = self.hasher.hash_one(subject) as usize % SLOTS;
        let slot = &mut self.slots[at];
        if slot.generation != sublist.generation() || slot.subject != subject {
            slot.subject.clear();
            slot.subject.extend_from_slice(subject);
            slot.generation = sublist.find(subject, &mut slot.found);
        }
        &slot.found
    }
}

impl<S> Default for Slot<S> {
    fn default() -> Self {
        Self {
            generation: 0,
            subject: Vec::new(),
            found: Match::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_of_the_sublist_is_seen_at_the_next_look_up() {
        let sublist = Sublist::new();
        let mut cache = MatchCache::new();
        assert!(cache.find(&sublist, b"foo").plain.is_empty());
        sublist.insert(b"foo", None, 1);
        assert_eq!(cache.find(&sublist, b"foo").plain, [1]);
        assert_eq!(cache.find(&sublist, b"foo").plain, [1]);
        sublist.remove(b"foo", None, &1);
        assert!(cache.find(&sublist, b"foo").plain.is_empty());
    }

    #[test]
    fn subjects_that_share_a_slot_do_not_mix() {
        let sublist = Sublist::new();
        let mut cache = MatchCache::new();
        for n in 0..2000_u32 {
            sublist.insert(n.to_string().as_bytes(), None, n);
        }
        for n in (0..2000_u32).chain(0..2000) {
            assert_eq!(cache.find(&sublist, n.to_string().as_bytes()).plain, [n]);
        }
    }
}
