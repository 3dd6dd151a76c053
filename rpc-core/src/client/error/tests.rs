//! What each kind says of itself, and what a method passes on.

use super::*;

fn check(error: CallError, code: &str, retryable: bool, outcome: Option<Outcome>) {
    assert_eq!(
        (error.is_retryable(), error.outcome()),
        (retryable, outcome),
        "{error:?}"
    );
    let passed_on = RpcError::from(error);
    assert_eq!(
        (
            passed_on.code(),
            passed_on.is_retryable(),
            passed_on.outcome()
        ),
        (code, retryable, outcome)
    );
}

#[test]
fn every_kind_is_passed_on_with_its_code_retryable_and_outcome() {
    use Outcome::{NotSent, Unknown};
    let unencodable = serde_json::from_str::<u8>("x").unwrap_err();
    let invalid = SubjectError::TooLong(300);
    let (service, method) = ("a".to_owned(), "b".to_owned());
    let replied = |code| CallError::from_reply(RpcError::new(code, "so it is"));
    let queued = RpcError::new(Code::DeadlineExceeded, "late").with_outcome(NotSent);
    check(invalid.into(), "not_found", false, Some(NotSent));
    check(
        CallError::Unencodable(unencodable),
        "internal",
        false,
        Some(NotSent),
    );
    let too_large = CallError::TooLarge { size: 2, limit: 1 };
    check(too_large, "payload_too_large", false, Some(NotSent));
    let denied = CallError::PermissionDenied("a.b".to_owned());
    check(denied, "permission_denied", false, Some(NotSent));
    let nobody = CallError::NoService {
        service: service.clone(),
    };
    check(nobody, "unavailable", true, Some(NotSent));
    let did_you_mean = Some("a.c".to_owned());
    let wrong = CallError::NoMethod {
        service,
        method,
        did_you_mean,
    };
    assert_eq!(
        wrong.to_string(),
        "`a` has no method `b`, did you mean `a.c`?"
    );
    check(wrong, "not_found", false, Some(NotSent));
    check(
        CallError::nobody_listens("a.b"),
        "unavailable",
        true,
        Some(NotSent),
    );
    check(
        CallError::Disconnected(NotSent),
        "unavailable",
        true,
        Some(NotSent),
    );
    check(
        CallError::Disconnected(Unknown),
        "unavailable",
        true,
        Some(Unknown),
    );
    check(
        CallError::no_answer("a.b"),
        "deadline_exceeded",
        false,
        Some(Unknown),
    );
    check(
        CallError::from_reply(queued),
        "deadline_exceeded",
        false,
        Some(NotSent),
    );
    check(replied(Code::Unavailable), "unavailable", true, None);
    check(
        replied(Code::ResourceExhausted),
        "resource_exhausted",
        true,
        None,
    );
    check(replied(Code::Cancelled), "cancelled", false, None);
    check(
        replied(Code::DeadlineExceeded),
        "deadline_exceeded",
        false,
        None,
    );
    check(replied(Code::NotFound), "not_found", false, None);
    let (subject, reason) = ("a.b".to_owned(), "it is 7".to_owned());
    check(
        CallError::BadReply { subject, reason },
        "bad_reply",
        false,
        Some(Unknown),
    );
}

#[test]
fn error_replies_become_kinds_and_keep_what_was_said() {
    for code in Code::ALL {
        let kind = CallError::from_reply(RpcError::new(code, "so it is"));
        let expected = match code {
            Code::Unavailable => matches!(kind, CallError::Unavailable(_)),
            Code::ResourceExhausted => matches!(kind, CallError::Full(_)),
            Code::Cancelled => matches!(kind, CallError::Cancelled(_)),
            Code::DeadlineExceeded => {
                matches!(
                    kind,
                    CallError::Deadline {
                        stage: Stage::Running,
                        ..
                    }
                )
            }
            _ => matches!(kind, CallError::Service(_)),
        };
        assert!(expected, "{code}: {kind:?}");
        assert_eq!(kind.reply().unwrap().message(), "so it is");
    }
    assert!(CallError::no_answer("a.b").reply().is_none());
}
