//! The trie against a matcher that compares token by token.

use proptest::prelude::*;

use super::*;

/// A subscription as the naive matcher keeps it.
#[derive(Clone, Debug, PartialEq)]
struct Naive {
    filter: String,
    queue: Option<String>,
    number: usize,
}

fn matches(filter: &str, subject: &str) -> bool {
    let mut tokens = subject.split('.');
    if subject.split('.').any(str::is_empty) {
        return false;
    }
    for wanted in filter.split('.') {
        match (wanted, tokens.next()) {
            (">", Some(_)) => return true,
            ("*", Some(_)) => {}
            (wanted, Some(token)) if wanted == token => {}
            _ => return false,
        }
    }
    tokens.next().is_none()
}

/// Everything found, in an order that does not depend on how it is stored.
fn find(sublist: &Sublist<usize>, subject: &str) -> (Vec<usize>, Vec<(String, Vec<usize>)>) {
    let mut found = Match::default();
    sublist.find(subject.as_bytes(), &mut found);
    found.plain.sort_unstable();
    let mut groups: Vec<_> = found
        .groups
        .into_iter()
        .map(|mut group| {
            group.members.sort_unstable();
            (
                String::from_utf8_lossy(&group.name).into_owned(),
                group.members,
            )
        })
        .collect();
    groups.sort();
    (found.plain, groups)
}

fn find_naively(all: &[Naive], subject: &str) -> (Vec<usize>, Vec<(String, Vec<usize>)>) {
    let mut plain = Vec::new();
    let mut groups: std::collections::BTreeMap<String, Vec<usize>> = Default::default();
    for one in all.iter().filter(|one| matches(&one.filter, subject)) {
        match &one.queue {
            None => plain.push(one.number),
            Some(queue) => groups.entry(queue.clone()).or_default().push(one.number),
        }
    }
    (plain, groups.into_iter().collect())
}

fn filter() -> impl Strategy<Value = String> {
    ("[ab*](\\.[ab*]){0,3}", any::<bool>())
        .prop_map(|(filter, rest)| if rest { format!("{filter}.>") } else { filter })
}

proptest! {
    #[test]
    fn finds_what_a_naive_matcher_finds(
        wanted in proptest::collection::vec((filter(), proptest::option::of("[qr]")), 0..20),
        removed in proptest::collection::vec(any::<proptest::sample::Index>(), 0..10),
        subjects in proptest::collection::vec("[ab*>]?(\\.[ab*>]?){0,4}", 1..20),
    ) {
        let sublist = Sublist::new();
        let mut all = Vec::new();
        for (number, (filter, queue)) in wanted.into_iter().enumerate() {
            let name = queue.as_ref().map(String::as_bytes);
            sublist.insert(filter.as_bytes(), name, number);
            all.push(Naive { filter, queue, number });
        }
        for at in removed {
            if !all.is_empty() {
                let one = all.remove(at.index(all.len()));
                let name = one.queue.as_ref().map(String::as_bytes);
                sublist.remove(one.filter.as_bytes(), name, &one.number);
            }
        }
        for subject in &subjects {
            prop_assert_eq!(find(&sublist, subject), find_naively(&all, subject), "{}", subject);
        }
    }

    #[test]
    fn removing_everything_leaves_an_empty_trie(
        wanted in proptest::collection::vec((filter(), proptest::option::of("[qr]")), 0..20),
    ) {
        let sublist = Sublist::new();
        for (number, (filter, queue)) in wanted.iter().enumerate() {
            sublist.insert(filter.as_bytes(), queue.as_ref().map(String::as_bytes), number);
        }
        for (number, (filter, queue)) in wanted.iter().enumerate() {
            sublist.remove(filter.as_bytes(), queue.as_ref().map(String::as_bytes), &number);
        }
        prop_assert!(sublist.root.into_inner().expect("not poisoned").is_empty());
    }
}

#[test]
fn removing_what_is_not_there_changes_nothing() {
    let sublist = Sublist::new();
    sublist.insert(b"foo.bar", None, 1);
    sublist.remove(b"foo", None, &1);
    sublist.remove(b"foo.bar", Some(b"q"), &1);
    sublist.remove(b"foo.bar", None, &2);
    assert_eq!(find(&sublist, "foo.bar").0, [1]);
}

#[test]
fn every_change_moves_the_generation() {
    let sublist = Sublist::new();
    let first = sublist.generation();
    sublist.insert(b"foo", None, 1);
    let second = sublist.generation();
    sublist.remove(b"foo", None, &1);
    assert!(first < second && second < sublist.generation());
}
