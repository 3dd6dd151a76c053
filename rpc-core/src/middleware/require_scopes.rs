//! Who may call: scopes that the bridge has read from a verified token.

use std::sync::Arc;

use serde_json::json;

use super::{Layer, Request, RpcService};
use crate::context::Context;
use crate::protocol::{Code, RpcError, WireReply, headers};

/// Makes [`RequireScopes`]: every method that the layer is around asks for the scopes.
///
/// One method says it with `#[rpc(scopes("user:write"))]`, which needs no layer and which discovery
/// shows. The layer is for all methods of a runner at once, and may stand in front of other layers.
///
/// # Examples
/// ```
/// use rpc_core::middleware::RequireScopesLayer;
/// # fn example(runner: rpc_core::Runner) {
/// let runner = runner.layer(RequireScopesLayer::new(["staff"]));
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct RequireScopesLayer {
    scopes: Arc<[String]>,
}

impl RequireScopesLayer {
    /// Creates the layer; callers need all of the `scopes`.
    pub fn new<T: Into<String>>(scopes: impl IntoIterator<Item = T>) -> Self {
        let scopes = scopes.into_iter().map(Into::into).collect();
        Self { scopes }
    }
}

impl<S> Layer<S> for RequireScopesLayer {
    type Service = RequireScopes<S>;

    fn layer(&self, inner: S) -> RequireScopes<S> {
        let scopes = self.scopes.clone();
        RequireScopes { inner, scopes }
    }
}

/// Refuses callers without the scopes: `unauthenticated` when nobody said who they are, else
/// `permission_denied`.
#[derive(Clone, Debug)]
pub struct RequireScopes<S> {
    inner: S,
    scopes: Arc<[String]>,
}

impl<S: RpcService<Error = RpcError>> RpcService for RequireScopes<S> {
    type Error = RpcError;

    async fn call(&self, request: Request) -> Result<WireReply, RpcError> {
        if let Some(context) = request.context() {
            let scopes = self.scopes.iter().map(String::as_str);
            require_scopes(context, request.subject(), scopes)?;
        }
        self.inner.call(request).await
    }
}

/// Checks that a call has all of `scopes`.
///
/// # Errors
/// `permission_denied`, which names those that are missing; `unauthenticated` when the call says
/// neither who makes it nor what they may do.
pub(crate) fn require_scopes<'a>(
    context: &Context,
    method: &str,
    scopes: impl IntoIterator<Item = &'a str>,
) -> Result<(), RpcError> {
    let has = |scope: &str| context.scopes().any(|given| given == scope);
    let missing: Vec<_> = scopes.into_iter().filter(|scope| !has(scope)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let quoted = format!("`{}`", missing.join("`, `"));
    let said = [headers::SUBJECT, headers::SCOPES].map(|name| context.headers().get(name));
    let error = match said {
        [None, None] => {
            let text = format!("`{method}` asks who calls it, and needs the scope {quoted}");
            RpcError::new(Code::Unauthenticated, text)
        }
        _ => {
            let text = format!("`{method}` needs the scope {quoted}, which the caller lacks");
            RpcError::new(Code::PermissionDenied, text)
        }
    };
    Err(error.with_details(json!({ "missing": missing })))
}
