//! The subject trie: which subscriptions a published subject reaches.
//!
//! One level per token, each with its literal tokens, `*` and `>`. The trie
//! is shared by all connections under one lock, which is held for look-ups
//! and changes only, never while a connection is touched. A generation number
//! moves with every change, so results may be kept for as long as it stands
//! still (see [`MatchCache`](crate::match_cache::MatchCache)).

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{PoisonError, RwLock};

use crate::subject;

/// All subscriptions, by the filter they asked for.
#[derive(Debug)]
pub(crate) struct Sublist<S> {
    root: RwLock<Level<S>>,
    generation: AtomicU64,
}

/// What one subject reaches.
#[derive(Debug)]
pub(crate) struct Match<S> {
    /// Subscriptions that each get a copy.
    pub(crate) plain: Vec<S>,
    /// Queue groups, each of which gets one copy.
    pub(crate) groups: Vec<Group<S>>,
}

/// The members of one queue group, whichever filters they subscribed with.
#[derive(Debug)]
pub(crate) struct Group<S> {
    name: Box<[u8]>,
    pub(crate) members: Vec<S>,
}

impl<S: Clone + PartialEq> Sublist<S> {
    pub(crate) fn new() -> Self {
        Self {
            root: RwLock::new(Level::default()),
            // Zero is left to caches as "never looked up".
            generation: AtomicU64::new(1),
        }
    }

    /// Returns a number that differs after every change.
    pub(crate) fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// Adds a subscription; the filter must satisfy [`subject::is_filter`].
    pub(crate) fn insert(&self, filter: &[u8], queue: Option<&[u8]>, subscription: S) {
        let mut root = self.root.write().unwrap_or_else(PoisonError::into_inner);
        root.node_mut(filter).insert(queue, subscription);
        self.generation.fetch_add(1, Ordering::Release);
    }

    /// Removes a subscription, and the branches it leaves empty.
    pub(crate) fn remove(&self, filter: &[u8], queue: Option<&[u8]>, subscription: &S) {
        let mut root = self.root.write().unwrap_or_else(PoisonError::into_inner);
        root.remove(filter, queue, subscription);
        self.generation.fetch_add(1, Ordering::Release);
    }

    /// Replaces `found` by what the subject reaches, and returns the
    /// generation this holds for.
    ///
    /// Wildcard tokens in the subject are taken literally; a subject with an
    /// empty token reaches nothing.
    pub(crate) fn find(&self, subject: &[u8], found: &mut Match<S>) -> u64 {
        found.clear();
        let root = self.root.read().unwrap_or_else(PoisonError::into_inner);
        if subject::has_no_empty_token(subject) {
            root.collect(subject, found);
        }
        // Read under the lock: changes move it while they hold the lock.
        self.generation()
    }
}

impl<S: Clone> Match<S> {
    fn clear(&mut self) {
        self.plain.clear();
        self.groups.clear();
    }

    fn add(&mut self, node: &Node<S>) {
        self.plain.extend_from_slice(&node.plain);
        for group in &node.groups {
            match self
                .groups
                .iter_mut()
                .find(|known| known.name == group.name)
            {
                Some(known) => known.members.extend_from_slice(&group.members),
                None => self.groups.push(Group {
                    name: group.name.clone(),
                    members: group.members.clone(),
                }),
            }
        }
    }
}

impl<S> Default for Match<S> {
    fn default() -> Self {
        Self {
            plain: Vec::new(),
            groups: Vec::new(),
        }
    }
}

/// The tokens that can follow at one depth.
#[derive(Debug)]
struct Level<S> {
    literals: HashMap<Box<[u8]>, Node<S>>,
    /// `*`
    any: Option<Box<Node<S>>>,
    /// `>`
    rest: Option<Box<Node<S>>>,
}

/// The subscriptions whose filter ends here, and the filters that go on.
#[derive(Debug)]
struct Node<S> {
    plain: Vec<S>,
    groups: Vec<Group<S>>,
    below: Level<S>,
}

impl<S> Default for Level<S> {
    fn default() -> Self {
        Self {
            literals: HashMap::new(),
            any: None,
            rest: None,
        }
    }
}

impl<S> Default for Node<S> {
    fn default() -> Self {
        Self {
            plain: Vec::new(),
            groups: Vec::new(),
            below: Level::default(),
        }
    }
}

impl<S: Clone + PartialEq> Level<S> {
    fn collect(&self, subject: &[u8], found: &mut Match<S>) {
        if let Some(rest) = &self.rest {
            found.add(rest);
        }
        let (token, tail) = subject::split_first(subject);
        let matching = [self.any.as_deref(), self.literals.get(token)];
        for node in matching.into_iter().flatten() {
            match tail {
                Some(tail) => node.below.collect(tail, found),
                None => found.add(node),
            }
        }
    }

    fn node_mut(&mut self, filter: &[u8]) -> &mut Node<S> {
        let (token, tail) = subject::split_first(filter);
        let node = match token {
            b"*" => self.any.get_or_insert_default(),
            b">" => self.rest.get_or_insert_default(),
            literal => self.literals.entry(literal.into()).or_default(),
        };
        match tail {
            Some(tail) => node.below.node_mut(tail),
            None => node,
        }
    }

    fn remove(&mut self, filter: &[u8], queue: Option<&[u8]>, subscription: &S) {
        let (token, tail) = subject::split_first(filter);
        let node = match token {
            b"*" => self.any.as_deref_mut(),
            b">" => self.rest.as_deref_mut(),
            literal => self.literals.get_mut(literal),
        };
        let Some(node) = node else { return };
        match tail {
            Some(tail) => node.below.remove(tail, queue, subscription),
            None => node.remove(queue, subscription),
        }
        if node.is_empty() {
            match token {
                b"*" => self.any = None,
                b">" => self.rest = None,
                literal => {
                    self.literals.remove(literal);
                }
            }
        }
    }

    fn is_empty(&self) -> bool {
        self.literals.is_empty() && self.any.is_none() && self.rest.is_none()
    }
}

impl<S: PartialEq> Node<S> {
    fn insert(&mut self, queue: Option<&[u8]>, subscription: S) {
        let Some(queue) = queue else {
            self.plain.push(subscription);
            return;
        };
        match self.groups.iter_mut().find(|group| *group.name == *queue) {
            Some(group) => group.members.push(subscription),
            None => self.groups.push(Group {
                name: queue.into(),
                members: vec![subscription],
            }),
        }
    }

    fn remove(&mut self, queue: Option<&[u8]>, subscription: &S) {
        let Some(queue) = queue else {
            remove_one(&mut self.plain, subscription);
            return;
        };
        if let Some(at) = self.groups.iter().position(|group| *group.name == *queue) {
            remove_one(&mut self.groups[at].members, subscription);
            if self.groups[at].members.is_empty() {
                self.groups.swap_remove(at);
            }
        }
    }
}

impl<S: Clone + PartialEq> Node<S> {
    fn is_empty(&self) -> bool {
        self.plain.is_empty() && self.groups.is_empty() && self.below.is_empty()
    }
}

fn remove_one<S: PartialEq>(subscriptions: &mut Vec<S>, subscription: &S) {
    if let Some(at) = subscriptions.iter().position(|known| known == subscription) {
        subscriptions.swap_remove(at);
    }
}

#[cfg(test)]
mod tests;
