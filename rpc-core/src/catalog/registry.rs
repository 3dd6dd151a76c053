//! The memory of the catalog: which instances are there, and what can be called.
//!
//! It is bounded in every direction, because anybody on the server can claim to be a service. Where
//! it is full, services that are gone make room, and what is new is left out until they do.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tracing::{debug, warn};

use super::method::Method;
use super::snapshot::{Conflict, KnownInstance, KnownService, Snapshot};
use super::words::{Contract, Edition, Presence};

/// How many services are remembered.
const MOST_SERVICES: usize = 1_000;
/// How many instances of one service are.
const MOST_INSTANCES: usize = 1_000;
/// How many versions of one service are, while they run.
const MOST_EDITIONS: usize = 16;
/// What all contracts together may take, in bytes.
const MOST_BYTES: usize = 64 * 1024 * 1024;
/// How many conflicts are listed.
const MOST_CONFLICTS: usize = 100;
/// An instance that does not answer so many polls in a row is gone.
const MISSED_POLLS: u32 = 2;
/// How long an instance that said that it stops is not believed to be there: it answers questions
/// to its end, when it takes no calls any more.
const STOPPING: Duration = Duration::from_secs(120);
/// How many such instances are remembered.
const MOST_STOPPING: usize = 1_024;
/// How long a service of which no instance is there stays known.
const FORGET: Duration = Duration::from_secs(60 * 60);

/// All services.
#[derive(Default)]
pub(super) struct Registry {
    services: BTreeMap<String, Service>,
    stopping: HashMap<String, Instant>,
    /// How many services were ever admitted; orders them.
    admitted: u64,
    generation: u64,
    /// Conflicts that the log has been told.
    told: HashSet<Conflict>,
}

struct Service {
    since: u64,
    instances: BTreeMap<String, Alive>,
    /// Also those of versions that are gone, as long as no other version is there.
    contracts: HashMap<Edition, Arc<Known>>,
    gone: Option<Instant>,
}

struct Alive {
    edition: Edition,
    missed: u32,
}

/// A contract, each method ready to be handed out.
struct Known {
    doc: String,
    methods: Vec<Arc<Method>>,
    size: usize,
}

/// What came of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Noted {
    /// Nothing new.
    Known,
    /// Its contract is not known: ask the instance.
    Unknown,
    /// Another snapshot is due: instances have changed, or methods.
    Changed,
}

impl Registry {
    /// Notes that an instance is there.
    pub(super) fn here(&mut self, presence: &Presence, now: Instant) -> Noted {
        if self.is_stopping(&presence.id, now) {
            return Noted::Known;
        }
        let Some(service) = self.services.get_mut(&presence.service) else {
            return Noted::Unknown;
        };
        if !service.contracts.contains_key(&presence.edition) {
            return Noted::Unknown;
        }
        if let Some(alive) = service.instances.get_mut(&presence.id)
            && alive.edition == presence.edition
        {
            alive.missed = 0;
            return Noted::Known;
        }
        match service.admit(presence) {
            true => Noted::Changed,
            false => Noted::Known,
        }
    }

    /// Notes what an instance says can be called; returns whether that is new.
    pub(super) fn learn(&mut self, presence: &Presence, contract: Contract, now: Instant) -> Noted {
        if self.is_stopping(&presence.id, now) || !self.has_room(presence, contract.size) {
            return Noted::Known;
        }
        let admitted = &mut self.admitted;
        let service = self.services.entry(presence.service.clone());
        let service = service.or_insert_with(|| {
            *admitted += 1;
            Service {
                since: *admitted,
                instances: BTreeMap::new(),
                contracts: HashMap::new(),
                gone: None,
            }
        });
        let contract = Known {
            doc: contract.doc,
            methods: contract.methods.into_iter().map(Arc::new).collect(),
            size: contract.size,
        };
        let known = service.contracts.get(&presence.edition);
        let is_new = known.is_none_or(|known| !known.says(&contract));
        if is_new {
            debug!(
                service = presence.service,
                version = presence.edition.version,
                methods = contract.methods.len(),
                "a contract is new"
            );
            let edition = presence.edition.clone();
            service.contracts.insert(edition, Arc::new(contract));
        }
        let is_there = service.instances.get(&presence.id);
        let was_there = is_there.is_some_and(|alive| alive.edition == presence.edition);
        let admitted = !was_there && service.admit(presence);
        match is_new || admitted {
            true => Noted::Changed,
            false => Noted::Known,
        }
    }

    /// Notes that an instance stops.
    pub(super) fn stopping(&mut self, presence: &Presence, now: Instant) -> Noted {
        self.stopping
            .retain(|_, since| now.duration_since(*since) < STOPPING);
        if self.stopping.len() < MOST_STOPPING {
            self.stopping.insert(presence.id.clone(), now);
        }
        let Some(service) = self.services.get_mut(&presence.service) else {
            return Noted::Known;
        };
        match service.instances.remove(&presence.id) {
            Some(_) => {
                service.settle(now);
                Noted::Changed
            }
            None => Noted::Known,
        }
    }

    /// Notes that everybody was asked and has answered: who did not is gone when that is so for the
    /// second time. `present` are the ids of those who answered.
    pub(super) fn polled(&mut self, present: &HashSet<String>, now: Instant) -> Noted {
        let mut noted = Noted::Known;
        for (name, service) in &mut self.services {
            let before = service.instances.len();
            service.instances.retain(|id, alive| {
                alive.missed = match present.contains(id) {
                    true => 0,
                    false => alive.missed + 1,
                };
                let is_gone = alive.missed >= MISSED_POLLS;
                if is_gone {
                    debug!(service = name, instance = id, "it does not answer any more");
                }
                !is_gone
            });
            if service.instances.len() < before {
                service.settle(now);
                noted = Noted::Changed;
            }
        }
        let before = self.services.len();
        self.services.retain(|_, service| {
            service
                .gone
                .is_none_or(|since| now.duration_since(since) < FORGET)
        });
        match self.services.len() < before {
            true => Noted::Changed,
            false => noted,
        }
    }

    fn is_stopping(&self, id: &str, now: Instant) -> bool {
        let since = self.stopping.get(id);
        since.is_some_and(|since| now.duration_since(*since) < STOPPING)
    }

    /// Makes room for a contract; returns whether there is some.
    fn has_room(&mut self, presence: &Presence, size: usize) -> bool {
        loop {
            let bytes: usize = self.services.values().map(Service::size).sum();
            let service = self.services.get(&presence.service);
            let editions = service.map_or(0, |service| {
                let others = service.contracts.keys();
                others
                    .filter(|edition| **edition != presence.edition)
                    .count()
            });
            if editions >= MOST_EDITIONS {
                debug!(service = presence.service, "too many versions run at once");
                return false;
            }
            let is_full = service.is_none() && self.services.len() >= MOST_SERVICES;
            if !is_full && bytes + size <= MOST_BYTES {
                return true;
            }
            let others = self.services.iter();
            let gone = others.filter(|(name, _)| **name != presence.service);
            let gone = gone.filter_map(|(name, service)| Some((service.gone?, name.clone())));
            match gone.min() {
                Some((_, name)) => _ = self.services.remove(&name),
                None => {
                    warn!(
                        service = presence.service,
                        "the catalog is full, a service is left out"
                    );
                    return false;
                }
            }
        }
    }

    /// Returns what is known now. The generation moves when methods have changed since `last`.
    pub(super) fn snapshot(&mut self, last: &Snapshot) -> Snapshot {
        let mut order: Vec<_> = self.services.iter().collect();
        order.sort_by_key(|(_, service)| (service.instances.is_empty(), service.since));
        let mut methods: HashMap<String, Arc<Method>> = HashMap::new();
        let (mut services, mut conflicts) = (Vec::new(), Vec::new());
        for (name, service) in order {
            let of_service = service.view(name, &mut methods, &mut conflicts);
            services.push(Arc::new(of_service));
        }
        conflicts.truncate(MOST_CONFLICTS);
        for conflict in &conflicts {
            if self.told.len() < MOST_CONFLICTS && self.told.insert(conflict.clone()) {
                warn!(
                    subject = conflict.subject,
                    owner = conflict.owner,
                    claimed_by = conflict.claimed_by,
                    "two services announce one subject; the first keeps it"
                );
            }
        }
        let same = |(one, two): (&Arc<KnownService>, &Arc<KnownService>)| one.offers_as(two);
        let unchanged =
            services.len() == last.services.len() && services.iter().zip(&last.services).all(same);
        if !unchanged {
            self.generation += 1;
        }
        Snapshot {
            generation: self.generation,
            services,
            methods,
            conflicts,
        }
    }
}

impl Service {
    /// Adds an instance, unless there are too many.
    fn admit(&mut self, presence: &Presence) -> bool {
        if self.instances.len() >= MOST_INSTANCES && !self.instances.contains_key(&presence.id) {
            debug!(service = presence.service, "too many instances");
            return false;
        }
        let alive = Alive {
            edition: presence.edition.clone(),
            missed: 0,
        };
        self.instances.insert(presence.id.clone(), alive);
        self.gone = None;
        self.forget_unused();
        true
    }

    /// Notes that instances have gone.
    fn settle(&mut self, now: Instant) {
        match self.instances.is_empty() {
            true => self.gone = Some(now),
            false => self.forget_unused(),
        }
    }

    /// Forgets the contracts that no instance follows.
    fn forget_unused(&mut self) {
        let used: HashSet<_> = self.instances.values().map(|it| &it.edition).collect();
        self.contracts.retain(|edition, _| used.contains(edition));
    }

    fn size(&self) -> usize {
        self.contracts.values().map(|contract| contract.size).sum()
    }

    /// Puts the contracts together, the newest first: what it says of a subject counts.
    fn view(
        &self,
        name: &str,
        methods: &mut HashMap<String, Arc<Method>>,
        conflicts: &mut Vec<Conflict>,
    ) -> KnownService {
        let mut editions: Vec<_> = self.contracts.iter().collect();
        editions.sort_by(|(one, _), (two, _)| newest_first(one, two));
        let mut own = Vec::new();
        for (_, contract) in &editions {
            for method in &contract.methods {
                match methods.get(&method.subject) {
                    Some(known) if known.service != name => conflicts.push(Conflict {
                        subject: method.subject.clone(),
                        owner: known.service.clone(),
                        claimed_by: name.to_owned(),
                    }),
                    // A newer version, or an earlier endpoint, has said what it is.
                    Some(_) => {}
                    None => {
                        methods.insert(method.subject.clone(), method.clone());
                        own.push(method.clone());
                    }
                }
            }
        }
        let newest = editions.first();
        let instances = self.instances.iter();
        let mut instances: Vec<_> = instances
            .map(|(id, alive)| KnownInstance {
                version: alive.edition.version.clone(),
                id: id.clone(),
            })
            .collect();
        instances.sort();
        KnownService {
            name: name.to_owned(),
            version: newest.map_or_else(String::new, |(edition, _)| edition.version.clone()),
            doc: newest.map_or_else(String::new, |(_, contract)| contract.doc.clone()),
            instances,
            methods: own,
        }
    }
}

impl Known {
    fn says(&self, other: &Self) -> bool {
        self.doc == other.doc && self.methods == other.methods
    }
}

impl KnownService {
    /// Returns whether another offers the same methods, whoever its instances are.
    fn offers_as(&self, other: &Self) -> bool {
        let same = |(one, two): (&Arc<Method>, &Arc<Method>)| Arc::ptr_eq(one, two) || one == two;
        self.name == other.name
            && self.version == other.version
            && self.doc == other.doc
            && self.methods.len() == other.methods.len()
            && self.methods.iter().zip(&other.methods).all(same)
    }
}

/// Orders by semantic version; of one version with two hashes, always the same is first.
fn newest_first(one: &Edition, two: &Edition) -> std::cmp::Ordering {
    let key = |edition: &Edition| (Precedence::of(&edition.version), edition.hash.clone());
    key(two).cmp(&key(one))
}

/// The precedence of a semantic version; what is none comes before all others.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Precedence {
    numbers: Vec<u64>,
    is_release: bool,
    pre: Vec<Identifier>,
}

/// A part of a pre-release: numbers come before words.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Identifier {
    Number(u64),
    Word(String),
}

impl Precedence {
    fn of(version: &str) -> Self {
        let version = version.split('+').next().unwrap_or_default();
        let (numbers, pre) = match version.split_once('-') {
            Some((numbers, pre)) => (numbers, pre),
            None => (version, ""),
        };
        let identifier = |text: &str| match text.parse() {
            Ok(number) => Identifier::Number(number),
            Err(_) => Identifier::Word(text.to_owned()),
        };
        Self {
            numbers: numbers
                .split('.')
                .map_while(|text| text.parse().ok())
                .collect(),
            is_release: pre.is_empty(),
            pre: pre.split('.').map(identifier).collect(),
        }
    }
}

#[cfg(test)]
mod tests;
