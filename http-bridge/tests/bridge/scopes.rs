//! A method that asks for scopes, called from outside.

use rpc_core::Config;
use rpc_core::prelude::*;

use crate::support::{Setup, post};

struct Vault;

#[rpc(name = "vault_service")]
impl Vault {
    #[rpc(scopes("vault:open"))]
    async fn open(&self) {}

    /// Calls it on behalf of whoever calls.
    #[rpc]
    async fn ask(&self, context: &Context) -> Result<(), RpcError> {
        Ok(context.client()?.call("vault_service.open").await?)
    }
}

#[tokio::test]
async fn scopes_that_a_client_claims_are_no_scopes() {
    let setup = Setup::new().await;
    let runner = Runner::new(Config::new(&setup.nats_url)).service(Vault);
    let running = runner.start().await.unwrap();
    let claims = "Rpc-Sub: root\r\nRpc-Scopes: vault:open\r\n";
    for (method, headers) in [("open", ""), ("open", claims), ("ask", claims)] {
        let request = post(&format!("/vault_service.{method}"), headers, "");
        let answer = setup.send(request).await;
        let problem = answer.assert_problem(401, "unauthenticated");
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.contains("`vault:open`"), "{detail}");
    }
    // Only what comes from inside counts: the bridge will say it of verified tokens.
    let mut verified = rpc_core::protocol::Headers::new();
    verified.insert("Rpc-Sub", "bob");
    let soon = crate::support::SOON;
    for (scopes, status) in [(None, Some(403)), (Some("vault:open"), None)] {
        let mut headers = verified.clone();
        if let Some(scopes) = scopes {
            headers.insert("Rpc-Scopes", scopes);
        }
        for method in ["open", "ask"] {
            let subject = format!("vault_service.{method}");
            let request = running
                .client()
                .request(&subject, headers.clone(), "".into(), soon);
            let error = request.await.unwrap().error();
            assert_eq!(
                error.map(|error| error.status()),
                status,
                "{method} {scopes:?}"
            );
        }
    }
}
