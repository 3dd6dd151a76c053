use std::future::pending;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};

use futures_util::FutureExt as _;
use tokio::time::advance;

use super::super::stub::{Stub, outgoing};
use super::*;
use crate::client::CallError;

/// What the network answers, and how often it was asked.
#[derive(Default)]
struct Network {
    failure: Mutex<Option<fn() -> CallError>>,
    asked: AtomicU32,
}

impl Network {
    fn fails_with(&self, failure: impl Into<Option<fn() -> CallError>>) {
        *self.failure.lock().unwrap() = failure.into();
    }
}

fn breaker(network: &Arc<Network>) -> impl RpcService<Error = CallError> + use<> {
    let layer = CircuitBreakerLayer::new(BreakerConfig {
        minimum_calls: 4,
        probes: 2,
        ..BreakerConfig::default()
    });
    let network = network.clone();
    layer.layer(Stub(move || {
        network.asked.fetch_add(1, SeqCst);
        let failure = network.failure.lock().unwrap().map(|failure| failure());
        async move { failure.map_or(Ok(()), Err) }
    }))
}

fn disconnected() -> CallError {
    CallError::Disconnected(Outcome::Unknown)
}

fn no_service() -> CallError {
    let service = "a".to_owned();
    CallError::NoService { service }
}

#[tokio::test(start_paused = true)]
async fn a_method_is_spared_tried_and_called_again() {
    let network = Arc::new(Network::default());
    let breaker = breaker(&network);
    let call = async |subject| breaker.call(outgoing(subject)).await;
    network.fails_with(disconnected as fn() -> CallError);
    for _ in 0..4 {
        let error = call("a.b").await.unwrap_err();
        assert!(matches!(error, CallError::Disconnected(_)), "{error}");
    }
    advance(Duration::from_millis(800)).await;
    let error = call("a.b").await.unwrap_err();
    assert_eq!(network.asked.load(SeqCst), 4, "nothing was sent");
    assert_eq!(error.outcome(), Some(Outcome::NotSent));
    assert!(!error.is_retryable());
    let CallError::Unavailable(said) = error else {
        panic!("expected `Unavailable`, got: {error}");
    };
    let text = "calls of `a.b` have failed too often: it is tried again in 4.2s";
    assert_eq!(said.message(), text);
    assert_eq!(said.details(), Some(&json!({ "retry_after_ms": 4_200 })));

    // Another method is another circuit.
    let error = call("a.c").await.unwrap_err();
    assert!(matches!(error, CallError::Disconnected(_)), "{error}");

    network.fails_with(None);
    advance(Duration::from_millis(4_200)).await;
    for _ in 0..20 {
        call("a.b").await.unwrap();
    }
    assert_eq!(network.asked.load(SeqCst), 25);
}

#[tokio::test(start_paused = true)]
async fn only_failures_to_answer_open_a_circuit() {
    let own = || RpcError::custom("user.gone", 503, "gone");
    let of_code = |code| CallError::from_layer(RpcError::new(code, ""));
    let failures: [(Box<dyn Fn() -> CallError>, bool); 10] = [
        (Box::new(disconnected), true),
        (Box::new(no_service), true),
        (Box::new(move || of_code(Code::ResourceExhausted)), true),
        (Box::new(move || of_code(Code::Unavailable)), true),
        (Box::new(move || of_code(Code::DeadlineExceeded)), true),
        (Box::new(move || CallError::Service(own())), false),
        (Box::new(move || of_code(Code::Internal)), false),
        (Box::new(move || of_code(Code::InvalidArgument)), false),
        (Box::new(move || of_code(Code::Cancelled)), false),
        (
            Box::new(|| CallError::TooLarge { size: 2, limit: 1 }),
            false,
        ),
    ];
    for (failure, opens) in failures {
        let layer = CircuitBreakerLayer::default();
        let circuit = layer.circuits.of("a.b", Instant::now());
        let mut changes = Vec::new();
        for _ in 0..20 {
            let now = Instant::now();
            let epoch = lock(&circuit).enter(now, layer.circuits.config()).unwrap();
            let verdict = verdict(&Err(failure()));
            let config = layer.circuits.config();
            changes.extend(lock(&circuit).leave(epoch, verdict, now, config));
        }
        assert_eq!(changes.len(), usize::from(opens), "{}", failure());
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_given_up_holds_no_place() {
    let layer = CircuitBreakerLayer::new(BreakerConfig {
        minimum_calls: 1,
        probes: 1,
        ..BreakerConfig::default()
    });
    let failing = layer.layer(Stub(|| async { Err(disconnected()) }));
    failing.call(outgoing("a.b")).await.unwrap_err();
    advance(Duration::from_secs(5)).await;
    let hanging = layer.layer(Stub(pending::<Result<(), CallError>>));
    let mut probe = Box::pin(hanging.call(outgoing("a.b")));
    assert!((&mut probe).now_or_never().is_none());
    let error = failing.call(outgoing("a.b")).await.unwrap_err();
    assert!(error.to_string().contains("is being tried now"), "{error}");
    drop(probe);
    let error = failing.call(outgoing("a.b")).await.unwrap_err();
    assert!(matches!(error, CallError::Disconnected(_)), "{error}");
}
