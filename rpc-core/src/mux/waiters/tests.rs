//! One slot's life.

use futures_util::FutureExt as _;

use super::*;

fn waiting(waiters: &Arc<Waiters>) -> Waiting<'static> {
    let now = Instant::now();
    Waiting::new(waiters, "a.b", now, now + Duration::from_secs(9))
}

fn token(waiting: &Waiting<'_>) -> String {
    format!("{:x}-{:x}", waiting.slot, waiting.generation)
}

#[test]
fn a_reply_finds_its_call_once() {
    let waiters = Arc::<Waiters>::default();
    let mut call = waiting(&waiters);
    waiters.answer(&token(&call), Ok(WireReply::success("first")));
    waiters.answer(&token(&call), Ok(WireReply::success("second")));
    let answer = (&mut call).now_or_never().unwrap().unwrap();
    assert_eq!(answer.payload, "first");
}

/// Past the moment at which services are told.
fn later() -> Instant {
    Instant::now() + CANCEL_AFTER
}

#[test]
fn a_late_reply_does_not_reach_the_next_call_in_the_same_slot() {
    let waiters = Arc::<Waiters>::default();
    let first = waiting(&waiters);
    let late = token(&first);
    drop(first);
    assert_eq!(waiters.take_given_up(later()), [(0, 0)]);
    let mut second = waiting(&waiters);
    assert_eq!(second.slot, 0);
    waiters.answer(&late, Ok(WireReply::success("late")));
    assert!((&mut second).now_or_never().is_none());
}

/// A confirmed event waits for a refusal that mostly never comes; each left a slot, and told nobody.
#[test]
fn a_wait_without_service_frees_its_slot_and_tells_nobody() {
    let waiters = Arc::<Waiters>::default();
    let wait = waiting(&waiters).without_service();
    let late = token(&wait);
    drop(wait);
    assert_eq!(waiters.in_flight.load(Relaxed), 0);
    assert_eq!(waiters.slots().free, [0]);
    assert_eq!(waiters.take_given_up(later()), []);
    let mut second = waiting(&waiters);
    waiters.answer(&late, Ok(WireReply::success("late")));
    assert!((&mut second).now_or_never().is_none());
}

#[test]
fn a_million_given_up_calls_take_a_bounded_number_of_slots() {
    let waiters = Arc::<Waiters>::default();
    for _ in 0..1_000_000 {
        drop(waiting(&waiters));
    }
    assert_eq!(waiters.in_flight.load(Relaxed), 0);
    assert_eq!(waiters.take_given_up(later()).len(), MOST_GIVEN_UP);
    let slots = waiters.slots();
    assert_eq!(
        (slots.entries.len(), slots.free.len()),
        (MOST_GIVEN_UP + 1, MOST_GIVEN_UP + 1)
    );
}

#[test]
fn a_service_is_told_once_and_not_too_soon_that_a_call_was_given_up() {
    let waiters = Arc::<Waiters>::default();
    drop(waiting(&waiters));
    assert_eq!(waiters.take_given_up(Instant::now()), []);
    assert!(waiters.is_busy());
    assert_eq!(waiters.take_given_up(later()), [(0, 0)]);
    assert_eq!(waiters.take_given_up(later()), []);
    assert!(!waiters.is_busy());
}

#[test]
fn a_given_up_call_that_was_answered_all_the_same_is_not_told() {
    let waiters = Arc::<Waiters>::default();
    let call = waiting(&waiters);
    let token = token(&call);
    drop(call);
    waiters.answer(&token, Ok(WireReply::success("7")));
    assert_eq!(waiters.take_given_up(later()), []);
    assert_eq!(waiters.slots().free, [0]);
}

#[test]
fn a_call_whose_time_is_over_is_not_told() {
    let waiters = Arc::<Waiters>::default();
    let now = Instant::now();
    drop(Waiting::new(&waiters, "a.b", now, now));
    assert_eq!(waiters.take_given_up(later()), []);
    assert_eq!(waiters.slots().free, [0]);
}

#[test]
fn an_answered_call_frees_its_slot_once() {
    let waiters = Arc::<Waiters>::default();
    let mut call = waiting(&waiters);
    waiters.answer(&token(&call), Ok(WireReply::success("7")));
    assert!((&mut call).now_or_never().unwrap().is_ok());
    drop(call);
    assert_eq!(waiters.slots().free, [0]);
}

#[test]
fn forged_tokens_find_nothing() {
    let waiters = Arc::<Waiters>::default();
    let mut call = waiting(&waiters);
    for forged in [
        "",
        "0",
        "-",
        "0-1",
        "1-0",
        "ffffffffffffffffff-0",
        "0-0-0",
        "é",
    ] {
        waiters.answer(forged, Ok(WireReply::default()));
    }
    assert!((&mut call).now_or_never().is_none());
}

#[test]
fn a_denied_subject_ends_the_calls_that_were_made_before() {
    let waiters = Arc::<Waiters>::default();
    let deny = |subject: &str| waiters.deny([subject.to_owned()].into_iter(), Instant::now());
    let mut before = waiting(&waiters);
    deny("a.c");
    assert!((&mut before).now_or_never().is_none());
    deny("a.b");
    for n in 0..MOST_DENIED - 1 {
        deny(&format!("a.d{n}"));
    }
    let denied = (&mut before).now_or_never().unwrap();
    assert_eq!(denied.unwrap_err(), Unanswered::Denied);
    let mut later = waiting(&waiters);
    assert!((&mut later).now_or_never().is_none());
    assert_eq!(waiters.in_flight.load(Relaxed), 1);
    assert_eq!(waiters.slots().denied.len(), MOST_DENIED);
}
