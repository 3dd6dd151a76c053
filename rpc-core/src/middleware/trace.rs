//! A span of the log for each call.

use tracing::field::Empty;
use tracing::{Instrument as _, Span, info_span};

use super::ending::Ending;
use super::{Layer, Request, RpcService};
use crate::protocol::{Outcome, WireReply};

/// Makes [`Trace`]: a [`tracing`] span for each call, at level `INFO`.
///
/// Spans are named `rpc.server` and `rpc.client`, and have the fields `service`, `method`,
/// `request_id`, `code` (`ok`, or that of the failure) and `outcome`. What a method logs is inside the
/// span of its call.
///
/// # Examples
/// ```
/// use rpc_core::middleware::TraceLayer;
/// # fn example(runner: rpc_core::Runner) {
/// let runner = runner.layer(TraceLayer).client_layer(TraceLayer);
/// # }
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct TraceLayer;

impl<S> Layer<S> for TraceLayer {
    type Service = Trace<S>;

    fn layer(&self, inner: S) -> Trace<S> {
        Trace { inner }
    }
}

/// Puts each call into a span.
#[derive(Clone, Debug)]
pub struct Trace<S> {
    inner: S,
}

impl<S: RpcService> RpcService for Trace<S> {
    type Error = S::Error;

    async fn call(&self, request: Request) -> Result<WireReply, S::Error> {
        let span = span_of(&request);
        // Nobody listens: not even an id is made for the call.
        if span.is_disabled() {
            return self.inner.call(request).await;
        }
        if let Some(id) = request.request_id() {
            span.record("request_id", id);
        }
        let of_call = span.clone();
        let ending = Ending::of(&request, move |code, outcome| {
            of_call.record("code", code);
            if let Some(outcome) = outcome {
                of_call.record("outcome", word(outcome));
            }
        });
        let result = self.inner.call(request).instrument(span).await;
        ending.note(&result);
        result
    }
}

fn span_of(request: &Request) -> Span {
    let (service, method) = (request.service(), request.method());
    macro_rules! span {
        ($name:literal) => {
            info_span!(
                $name,
                service,
                method,
                request_id = Empty,
                code = Empty,
                outcome = Empty
            )
        };
    }
    match request.context() {
        Some(_) => span!("rpc.server"),
        None => span!("rpc.client"),
    }
}

fn word(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::NotSent => "not_sent",
        Outcome::Unknown => "unknown",
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;
    use std::io;
    use std::sync::{Arc, Mutex, PoisonError};

    use futures_util::FutureExt as _;
    use tracing_subscriber::fmt::format::FmtSpan;

    use super::super::stub::{Stub, incoming, outgoing};
    use super::*;
    use crate::client::CallError;
    use crate::protocol::{Headers, RpcError, headers};

    /// What was logged.
    #[derive(Clone, Default)]
    struct Log(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Log {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().expect("no writer panics").write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// Returns what is logged of `calls`: each span as it closes, and what was said inside.
    fn logged(calls: impl FnOnce()) -> String {
        // Which spans somebody wants is remembered once for all threads: two subscribers at a time
        // get in each other's way.
        static TURN: Mutex<()> = Mutex::new(());
        let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        let log = Log::default();
        let writer = log.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_span_events(FmtSpan::CLOSE)
            .with_ansi(false)
            .with_writer(move || writer.clone())
            .finish();
        tracing::subscriber::with_default(subscriber, calls);
        let text = log.0.lock().expect("no writer panics").clone();
        String::from_utf8(text).expect("logs are text")
    }

    #[test]
    fn a_served_call_is_a_span_with_its_method_id_and_code() {
        let text = logged(|| {
            let service = TraceLayer.layer(Stub(|| async {
                tracing::info!("inside");
                Err(RpcError::not_found("no user 7"))
            }));
            let mut of_caller = Headers::new();
            of_caller.insert(headers::REQUEST_ID, "r1");
            let request = incoming("v2.user_service.get", of_caller);
            service.call(request).now_or_never().unwrap().unwrap_err();
        });
        let span = r#"rpc.server{service="v2.user_service" method="get" request_id="r1""#;
        assert!(
            text.lines()
                .any(|line| line.contains(span) && line.contains("inside")),
            "{text}"
        );
        let closed = text.lines().find(|line| line.contains("close")).unwrap();
        assert!(closed.contains(r#"code="not_found""#), "{text}");
    }

    #[test]
    fn a_call_that_is_made_tells_how_it_ended() {
        let text = logged(|| {
            let request = || outgoing("user_service.get");
            let good = TraceLayer.layer(Stub(|| async { Ok::<_, CallError>(()) }));
            good.call(request()).now_or_never().unwrap().unwrap();
            let disconnected = || CallError::Disconnected(Outcome::NotSent);
            let bad = TraceLayer.layer(Stub(move || async move { Err(disconnected()) }));
            bad.call(request()).now_or_never().unwrap().unwrap_err();
            // Nobody waits for the end of this one.
            let hanging = TraceLayer.layer(Stub(pending::<Result<(), CallError>>));
            assert!(hanging.call(request()).now_or_never().is_none());
        });
        let closed: Vec<_> = text.lines().filter(|line| line.contains("close")).collect();
        let expected = [
            r#"rpc.client{service="user_service" method="get" code="ok"}"#,
            r#"code="unavailable" outcome="not_sent"}"#,
            r#"code="cancelled" outcome="unknown"}"#,
        ];
        assert_eq!(closed.len(), expected.len(), "{text}");
        for (line, expected) in closed.iter().zip(expected) {
            assert!(line.contains(expected), "{line}");
        }
    }

    #[test]
    fn a_panic_is_told_as_internal() {
        let text = logged(|| {
            let service = TraceLayer.layer(Stub(|| async {
                if Outcome::NotSent != Outcome::Unknown {
                    panic!("on purpose");
                }
                Ok::<_, RpcError>(())
            }));
            let call = service.call(incoming("a.b", Headers::new()));
            let call = std::panic::AssertUnwindSafe(call).catch_unwind();
            assert!(call.now_or_never().unwrap().is_err());
        });
        assert!(text.contains(r#"code="internal""#), "{text}");
    }
}
