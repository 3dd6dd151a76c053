//! The catalog at one moment.

use std::collections::HashMap;
use std::sync::Arc;

use super::Method;

/// What discovery knew at one moment; it never changes, a newer one takes its place.
#[derive(Debug, Default)]
pub struct Snapshot {
    pub(super) generation: u64,
    pub(super) services: Vec<Arc<KnownService>>,
    pub(super) methods: HashMap<String, Arc<Method>>,
    pub(super) conflicts: Vec<Conflict>,
}

/// One service, whether an instance of it is there or not.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct KnownService {
    /// Its name.
    pub name: String,
    /// The newest version of it; that one's contract goes before those of older ones.
    pub version: String,
    /// What it says of itself; may be empty.
    pub doc: String,
    /// Its instances, the oldest version first; none when it is known and nobody is there.
    pub instances: Vec<KnownInstance>,
    /// Its methods: those of the newest version first, each as the newest that has it says.
    pub methods: Vec<Arc<Method>>,
}

/// One running instance of a service.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub struct KnownInstance {
    /// Its version.
    pub version: String,
    /// Its unique id.
    pub id: String,
}

/// A subject that two services claim.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Conflict {
    /// What both claim.
    pub subject: String,
    /// The service that has it.
    pub owner: String,
    /// The service that does not get it.
    pub claimed_by: String,
}

impl Snapshot {
    /// Returns a number that grows when methods change: what was made of the methods of one
    /// generation holds as long as that.
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// Returns the services in order of precedence: those that are there before those that are
    /// gone, and the ones that were known first before later ones.
    pub fn services(&self) -> &[Arc<KnownService>] {
        &self.services
    }

    /// Returns the method on a subject.
    pub fn method(&self, subject: &str) -> Option<&Arc<Method>> {
        self.methods.get(subject)
    }

    /// Returns the subjects that more than one service claims; the first has them.
    pub fn conflicts(&self) -> &[Conflict] {
        &self.conflicts
    }
}
