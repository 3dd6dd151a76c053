//! A chain of calls: HTTP → a → b → c, whose services say nothing of what their calls carry.

use rpc_core::prelude::*;
use rpc_core::{Config, Running};
use serde_json::{Value, json};
use tokio::sync::{Mutex, MutexGuard};

use crate::support::raw::Answer;
use crate::support::{Setup, post};

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";

struct A;
struct B;
struct C;

#[rpc(name = "chain_a")]
impl A {
    #[rpc]
    async fn call(&self, context: &Context) -> Result<Vec<Value>, RpcError> {
        below(context, "chain_b.call").await
    }

    /// Calls itself until it may not.
    #[rpc]
    async fn circle(&self, context: &Context) -> Result<(), RpcError> {
        Ok(context.client()?.call("chain_a.circle").await?)
    }
}

#[rpc(name = "chain_b")]
impl B {
    #[rpc]
    async fn call(&self, context: &Context) -> Result<Vec<Value>, RpcError> {
        below(context, "chain_c.call").await
    }
}

#[rpc(name = "chain_c")]
impl C {
    #[rpc]
    async fn call(&self, context: &Context) -> Vec<Value> {
        vec![seen(context)]
    }
}

async fn below(context: &Context, subject: &str) -> Result<Vec<Value>, RpcError> {
    let mut all = vec![seen(context)];
    let rest: Vec<Value> = context.client()?.call(subject).await?;
    all.extend(rest);
    Ok(all)
}

/// What a method sees of its call, apart from arguments.
fn seen(context: &Context) -> Value {
    json!({
        "request_id": context.request_id(),
        "depth": context.depth(),
        "left": u64::try_from(context.time_left().as_millis()).unwrap(),
        "caller": context.caller(),
        "trace": context.trace().trace_id(),
        "span": context.trace().span_id(),
        "sampled": context.trace().is_sampled(),
        "tracestate": context.headers().get("tracestate"),
        "baggage": context.headers().get("baggage"),
    })
}

/// Starts the chain. With `NATS_URL` set all tests share a server, and these the names of their
/// services: one at a time, or one would end while another calls it.
async fn start(setup: &Setup) -> (Running, MutexGuard<'static, ()>) {
    static TURN: Mutex<()> = Mutex::const_new(());
    let turn = TURN.lock().await;
    let runner = Runner::new(Config::new(&setup.nats_url));
    let runner = runner.service(A).service(B).service(C);
    (runner.start().await.unwrap(), turn)
}

fn results(answer: &Answer) -> Vec<Value> {
    assert_eq!(answer.status, 200, "{}", answer.text());
    let payload: Value = serde_json::from_str(answer.text()).unwrap();
    serde_json::from_value(payload[0][0].clone()).unwrap()
}

#[tokio::test]
async fn deadline_trace_request_id_caller_and_depth_go_down_the_chain() {
    let setup = Setup::new().await;
    let _services = start(&setup).await;
    let headers = format!(
        "X-Request-Id: r-7\r\nRpc-Timeout: 5000\r\ntraceparent: 00-{TRACE}-b7ad6b7169203331-01\r\n\
         tracestate: vendor=1\r\nbaggage: tenant=blue\r\nRpc-Caller: forged\r\nRpc-Depth: 9\r\n"
    );
    let answer = setup.send(post("/chain_a.call", &headers, "")).await;
    let seen = results(&answer);
    assert_eq!(seen.len(), 3);
    for (depth, call) in seen.iter().enumerate() {
        for (key, expected) in [
            ("request_id", json!("r-7")),
            ("depth", json!(depth)),
            ("trace", json!(TRACE)),
            ("sampled", json!(true)),
            ("tracestate", json!("vendor=1")),
            ("baggage", json!("tenant=blue")),
        ] {
            assert_eq!(call[key], expected, "{key} at depth {depth}");
        }
    }
    let left: Vec<u64> = seen.iter().map(|it| it["left"].as_u64().unwrap()).collect();
    assert!(
        left[0] <= 5_000 && left.is_sorted_by(|a, b| a >= b),
        "{left:?}"
    );
    assert_eq!(seen[0]["caller"], Value::Null);
    for (call, caller) in [(1, "chain_a/"), (2, "chain_b/")] {
        let named = seen[call]["caller"].as_str().unwrap();
        assert!(
            named.len() > caller.len() && named.starts_with(caller),
            "{named}"
        );
    }
    let spans: std::collections::HashSet<_> = seen.iter().map(|it| it["span"].as_str()).collect();
    assert_eq!(spans.len(), 3, "each call has a place of its own");
}

#[tokio::test]
async fn a_malformed_trace_is_made_anew_and_goes_down_as_one() {
    let setup = Setup::new().await;
    let (services, _turn) = start(&setup).await;
    let mut headers = rpc_core::protocol::Headers::new();
    headers.insert("Traceparent", "00-nonsense");
    headers.insert("tracestate", "vendor=1");
    let limit = std::time::Duration::from_secs(5);
    let reply = services
        .client()
        .request("chain_a.call", headers, "".into(), limit);
    let seen: Vec<Value> = reply.await.unwrap().result().unwrap();
    let traces: std::collections::HashSet<_> = seen.iter().map(|it| it["trace"].as_str()).collect();
    assert_eq!(traces.len(), 1);
    // The state of a trace that was not understood belongs to no other.
    assert_eq!(seen[1]["tracestate"], Value::Null);
}

#[tokio::test]
async fn a_circle_of_calls_ends_at_depth_32_and_says_so() {
    let setup = Setup::new().await;
    let _services = start(&setup).await;
    let answer = setup.send(post("/chain_a.circle", "", "")).await;
    let detail = answer.assert_problem(412, "failed_precondition")["detail"].clone();
    let detail = detail.as_str().unwrap();
    assert!(detail.contains("nested 32 deep"), "{detail}");
}
