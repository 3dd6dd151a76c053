use super::*;
use crate::catalog::words::{Said, read};
use serde_json::json;

/// What an instance answers to INFO: methods of `service` by name.
fn info(service: &str, id: &str, version: &str, methods: &[&str]) -> (Presence, Contract) {
    let endpoints: Vec<_> = methods
        .iter()
        .map(|name| json!({ "name": name, "subject": format!("{service}.{name}") }))
        .collect();
    let hash = methods.join("");
    let info = json!({ "name": service, "id": id, "version": version,
        "metadata": { "rpc.hash": hash }, "endpoints": endpoints });
    match read(info.to_string().as_bytes()) {
        Ok(Said::Info(presence, contract)) => (presence, contract),
        other => panic!("{other:?}"),
    }
}

struct Catalog {
    registry: Registry,
    last: Snapshot,
    now: Instant,
}

impl Catalog {
    fn new() -> Self {
        Self {
            registry: Registry::default(),
            last: Snapshot::default(),
            now: Instant::now(),
        }
    }

    fn learn(&mut self, service: &str, id: &str, version: &str, methods: &[&str]) -> Presence {
        let (presence, contract) = info(service, id, version, methods);
        self.registry.learn(&presence, contract, self.now);
        self.look();
        presence
    }

    fn poll(&mut self, present: &[&str]) {
        let present = present.iter().map(|id| (*id).to_owned()).collect();
        self.registry.polled(&present, self.now);
        self.look();
    }

    fn stop(&mut self, presence: &Presence) {
        self.registry.stopping(presence, self.now);
        self.look();
    }

    fn look(&mut self) {
        self.last = self.registry.snapshot(&self.last);
    }

    fn subjects(&self) -> Vec<&str> {
        let mut subjects: Vec<_> = self.last.methods.keys().map(String::as_str).collect();
        subjects.sort_unstable();
        subjects
    }
}

#[test]
fn a_contract_is_asked_for_once() {
    let mut catalog = Catalog::new();
    let (first, contract) = info("shop", "one", "1.0.0", &["buy"]);
    let now = catalog.now;
    let registry = &mut catalog.registry;
    assert_eq!(registry.here(&first, now), Noted::Unknown);
    assert_eq!(registry.learn(&first, contract, now), Noted::Changed);
    assert_eq!(registry.here(&first, now), Noted::Known);
    let (second, _) = info("shop", "two", "1.0.0", &["buy"]);
    assert_eq!(registry.here(&second, now), Noted::Changed);
    let (newer, _) = info("shop", "three", "1.0.1", &["buy"]);
    assert_eq!(registry.here(&newer, now), Noted::Unknown);
}

#[test]
fn the_generation_moves_with_methods_and_not_with_instances() {
    let mut catalog = Catalog::new();
    catalog.learn("shop", "one", "1.0.0", &["buy"]);
    let first = catalog.last.generation();
    catalog.learn("shop", "two", "1.0.0", &["buy"]);
    assert_eq!(catalog.last.generation(), first);
    assert_eq!(catalog.last.services()[0].instances.len(), 2);
    catalog.learn("shop", "three", "1.1.0", &["buy", "sell"]);
    assert_eq!(catalog.last.generation(), first + 1);
}

#[test]
fn a_rolling_deploy_has_the_methods_of_both_versions_and_then_of_the_new_one() {
    let mut catalog = Catalog::new();
    let old = catalog.learn("shop", "old", "1.9.0", &["buy", "haggle"]);
    catalog.learn("shop", "new", "1.10.0", &["buy", "sell"]);
    assert_eq!(catalog.subjects(), ["shop.buy", "shop.haggle", "shop.sell"]);
    assert_eq!(catalog.last.services()[0].version, "1.10.0");
    catalog.stop(&old);
    assert_eq!(catalog.subjects(), ["shop.buy", "shop.sell"]);
}

#[test]
fn a_service_that_is_gone_stays_known_for_an_hour() {
    let mut catalog = Catalog::new();
    catalog.learn("shop", "one", "1.0.0", &["buy"]);
    catalog.poll(&[]);
    assert_eq!(
        catalog.last.services()[0].instances.len(),
        1,
        "one poll is no proof"
    );
    catalog.poll(&[]);
    assert_eq!(catalog.last.services()[0].instances, []);
    assert_eq!(catalog.subjects(), ["shop.buy"]);
    catalog.now += FORGET;
    catalog.poll(&[]);
    assert!(catalog.subjects().is_empty());
}

#[test]
fn an_instance_that_stops_is_not_brought_back_by_its_last_answers() {
    let mut catalog = Catalog::new();
    let presence = catalog.learn("shop", "one", "1.0.0", &["buy"]);
    catalog.stop(&presence);
    assert_eq!(catalog.registry.here(&presence, catalog.now), Noted::Known);
    catalog.learn("shop", "one", "1.0.0", &["buy"]);
    assert_eq!(catalog.last.services()[0].instances, []);
}

#[test]
fn the_first_owner_keeps_a_subject_until_it_is_gone() {
    let mut catalog = Catalog::new();
    let first = catalog.learn("shop", "one", "1.0.0", &["cart.buy"]);
    let claim = json!({ "name": "cart", "id": "two", "version": "9.0.0",
        "endpoints": [{ "name": "buy", "subject": "shop.cart.buy" }] });
    let Ok(Said::Info(presence, contract)) = read(claim.to_string().as_bytes()) else {
        panic!("{claim}");
    };
    catalog.registry.learn(&presence, contract, catalog.now);
    catalog.look();
    assert_eq!(
        catalog.last.method("shop.cart.buy").unwrap().service,
        "shop"
    );
    assert_eq!(catalog.last.conflicts().len(), 1);
    catalog.stop(&first);
    assert_eq!(
        catalog.last.method("shop.cart.buy").unwrap().service,
        "cart"
    );
}

#[test]
fn services_that_nobody_knows_cannot_fill_the_memory() {
    let mut catalog = Catalog::new();
    let mut learn = |n: usize| {
        let (presence, contract) = info(&format!("rogue_{n}"), "x", "1.0.0", &["a"]);
        catalog.registry.learn(&presence, contract, catalog.now)
    };
    for n in 0..MOST_SERVICES {
        assert_eq!(learn(n), Noted::Changed);
    }
    assert_eq!(learn(MOST_SERVICES), Noted::Known);
    assert_eq!(catalog.registry.services.len(), MOST_SERVICES);
    // Those that are gone make room.
    catalog.poll(&[]);
    catalog.poll(&[]);
    catalog.learn("shop", "one", "1.0.0", &["buy"]);
    assert!(catalog.last.method("shop.buy").is_some());
    assert_eq!(catalog.registry.services.len(), MOST_SERVICES);
}

#[test]
fn the_bytes_instances_and_versions_of_one_service_are_bounded() {
    let mut catalog = Catalog::new();
    let doc = "x".repeat(100_000);
    let endpoints: Vec<_> = (0..30)
        .map(|n| json!({ "name": "m", "subject": format!("s.m{n}"), "metadata": { "rpc.doc": doc } }))
        .collect();
    let (mut learned, mut versions) = (0, 0);
    for n in 0..30 {
        let endpoints = json!(endpoints)
            .to_string()
            .replace("\"s.m", &format!("\"s{n}.m"));
        let info = format!(r#"{{"name": "s{n}", "id": "x", "endpoints": {endpoints}}}"#);
        let Ok(Said::Info(presence, contract)) = read(info.as_bytes()) else {
            panic!("it is an INFO reply");
        };
        learned +=
            usize::from(catalog.registry.learn(&presence, contract, catalog.now) == Noted::Changed);
    }
    assert!((15..25).contains(&learned), "{learned} of 3 MB each");

    let mut catalog = Catalog::new();
    for n in 0..MOST_INSTANCES + 10 {
        catalog.registry.learn(
            &info("s", &format!("i{n}"), "1.0.0", &["a"]).0,
            info("s", "i", "1.0.0", &["a"]).1,
            catalog.now,
        );
    }
    assert_eq!(
        catalog.registry.services["s"].instances.len(),
        MOST_INSTANCES
    );

    let mut catalog = Catalog::new();
    for n in 0..MOST_EDITIONS + 10 {
        let (presence, contract) = info("s", &format!("i{n}"), &format!("1.0.{n}"), &["a"]);
        versions +=
            usize::from(catalog.registry.learn(&presence, contract, catalog.now) == Noted::Changed);
    }
    assert_eq!(versions, MOST_EDITIONS);
}

#[test]
fn versions_are_ordered_as_semantic_versions_are() {
    let ascending = [
        "none",
        "0.9.9",
        "1.0.0-alpha",
        "1.0.0-alpha.1",
        "1.0.0-alpha.beta",
        "1.0.0-beta.2",
        "1.0.0-beta.11",
        "1.0.0",
        "1.2.0",
        "1.10.0",
        "2.0.0+build",
    ];
    let precedence = |version: &&str| Precedence::of(version);
    assert!(ascending.iter().map(precedence).is_sorted_by(|a, b| a < b));
}
