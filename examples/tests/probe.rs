//! What the probe tells of itself.

use std::time::Duration;

use examples::probe_service::ProbeService;
use rpc_core::protocol::Headers;
use rpc_core::testing::TestApp;

#[tokio::test]
async fn requests_that_expired_before_they_ran_are_a_number() {
    let app = TestApp::start(ProbeService::default()).await;
    let expired = async || -> u64 {
        let call = app.client().call("probe_service.expired");
        call.await.expect("the probe answers")
    };
    assert_eq!(expired().await, 0);
    for number in 1..=3 {
        let mut headers = Headers::new();
        headers.insert("Rpc-Timeout", "0");
        let payload = format!("[[\"key-{number}\"]]");
        let answer = app.raw_with_headers("probe_service.count", headers, payload);
        answer.await.expect_error("deadline_exceeded");
        assert_eq!(expired().await, number);
    }
    // None of them ran.
    let counts: std::collections::BTreeMap<String, u64> = app
        .client()
        .call("probe_service.counts")
        .timeout(Duration::from_secs(5))
        .await
        .expect("the probe answers");
    assert!(counts.is_empty(), "{counts:?}");
}
