//! What Prometheus reads.

use std::sync::{Arc, Mutex};

use rpc_core::middleware::MetricsLayer;
use rpc_core::middleware::prometheus_client::encoding::text::encode;
use rpc_core::middleware::prometheus_client::registry::Registry;
use rpc_core::testing::TestApp;

use crate::support::Probe;

fn text(registry: &Registry) -> String {
    let mut text = String::new();
    encode(&mut text, registry).unwrap();
    text
}

fn count(text: &str, side: &str, method: &str, code: &str) -> Option<u64> {
    let name = format!("rpc_{side}_call_duration_seconds_count");
    let labels = format!("{{rpc_method=\"{method}\",rpc_response_status_code=\"{code}\"}} ");
    let mut values = text
        .lines()
        .filter_map(|line| line.strip_prefix(&name)?.strip_prefix(&labels));
    values.next().map(|value| value.parse().unwrap())
}

#[tokio::test]
async fn calls_are_counted_by_method_and_code_on_both_sides() {
    let mut registry = Registry::default();
    let (served, made) = (
        MetricsLayer::server(&mut registry),
        MetricsLayer::client(&mut registry),
    );
    let app = TestApp::run(move |runner| runner.layer(served).service(Probe::default())).await;
    let client = app.client().clone().layer(made);
    for _ in 0..3 {
        client.call::<()>("probe_service.nothing").await.unwrap();
    }
    let fail = async |code: &str| {
        client
            .call::<()>("probe_service.fail")
            .arg(code)
            .await
            .unwrap_err();
    };
    fail("not_found").await;
    fail("user.gone").await;
    client
        .call::<()>("probe_service.panic_at_once")
        .await
        .unwrap_err();
    client
        .call::<()>("probe_service.sleep")
        .arg(20)
        .await
        .unwrap();
    for subject in ["probe_service.nohting", "nobody.home"] {
        client.call::<()>(subject).await.unwrap_err();
    }

    let text = text(&registry);
    for side in ["server", "client"] {
        for (method, code, expected) in [
            ("nothing", "ok", 3),
            ("fail", "ok", 0),
            ("fail", "not_found", 1),
            ("fail", "user.gone", 1),
            ("panic_at_once", "internal", 1),
            ("sleep", "ok", 1),
        ] {
            let method = format!("probe_service.{method}");
            assert_eq!(
                count(&text, side, &method, code),
                Some(expected),
                "{side} {method} {code}"
            );
        }
        let histogram = format!("# TYPE rpc_{side}_call_duration_seconds histogram");
        assert!(text.contains(&histogram), "{text}");
        assert!(text.contains(&format!("# UNIT rpc_{side}_call_duration_seconds seconds")));
        // It took 20 ms, so that it is in no bucket below.
        let bucket = |le: &str| {
            format!(
                "rpc_{side}_call_duration_seconds_bucket{{le=\"{le}\",\
                 rpc_method=\"probe_service.sleep\",rpc_response_status_code=\"ok\"}} "
            )
        };
        assert!(text.contains(&(bucket("0.01") + "0\n")), "{text}");
        assert!(text.contains(&(bucket("+Inf") + "1\n")), "{text}");
    }
    assert_eq!(count(&text, "client", "_OTHER", "not_found"), Some(1));
    assert_eq!(count(&text, "client", "_OTHER", "unavailable"), Some(1));
    assert!(
        !text.contains("nohting") && !text.contains("nobody"),
        "{text}"
    );
}

#[tokio::test]
async fn a_call_whose_end_nobody_saw_is_counted_as_well() {
    let registry = Arc::new(Mutex::new(Registry::default()));
    let layer = MetricsLayer::server(&mut registry.lock().unwrap());
    let app = TestApp::run(move |runner| runner.layer(layer).service(Probe::default())).await;
    app.raw("probe_service.impatient", "")
        .await
        .expect_error("deadline_exceeded");
    let text = text(&registry.lock().unwrap());
    let method = "probe_service.impatient";
    assert_eq!(
        count(&text, "server", method, "deadline_exceeded"),
        Some(1),
        "{text}"
    );
}
