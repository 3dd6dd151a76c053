//! Who calls: bearer tokens, checked before anything is done for the client.
//!
//! `token.rs` reads one and checks its claims, `keys.rs` holds keys and checks signatures,
//! `source.rs` gets keys and gets them anew, `fetch.rs` over HTTP.

mod fetch;
mod keys;
mod source;
mod token;

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use hyper::header::{self, HeaderMap, HeaderValue};
use rpc_core::protocol::{Headers, headers};
use rpc_core::{Code, Method, RpcError};

pub(crate) use source::KeysError;

use crate::config::{Auth, TokenRequired};
use crate::problem::Problem;
use source::{Keys, Unavailable};
use token::{Rules, Token};

/// Who makes a request, as a verified token says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Principal {
    pub(crate) subject: Arc<str>,
    /// Separated by single spaces.
    scopes: String,
}

/// What checks tokens.
#[derive(Debug)]
pub(crate) struct Gate {
    keys: Keys,
    rules: Rules,
    required: TokenRequired,
}

impl Gate {
    /// Reads the keys, where they are in a file.
    pub(crate) fn new(auth: Auth) -> Result<Self, KeysError> {
        Ok(Self {
            keys: Keys::new(auth.keys)?,
            rules: Rules {
                issuer: auth.issuer,
                audiences: auth.audiences,
                algorithms: auth.algorithms,
                leeway: auth.leeway.as_secs_f64(),
            },
            required: auth.required,
        })
    }

    /// Returns who makes a request; nobody where no token is given and none is asked for.
    ///
    /// The client is not told what is wrong with a token: whoever has a good one needs not know,
    /// and for others each word would be a hint.
    pub(crate) async fn check(&self, headers: &HeaderMap) -> Result<Option<Principal>, Problem> {
        let mut values = headers.get_all(header::AUTHORIZATION).iter();
        let Some(value) = values.next() else {
            return match self.required {
                TokenRequired::Everywhere => Err(unauthenticated("Bearer")),
                TokenRequired::ForScopes => Ok(None),
            };
        };
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        let verified = match (bearer(value), values.next()) {
            (Some(token), None) => self.verify(token, now.as_secs_f64()).await,
            (Some(_), Some(_)) => Err(Rejection::Invalid("two `Authorization` headers")),
            (None, _) => Err(Rejection::Invalid("not `Bearer` and a token")),
        };
        match verified {
            Ok(principal) => Ok(Some(principal)),
            Err(Rejection::Invalid(reason)) => {
                tracing::debug!("a token is not taken: {reason}");
                Err(unauthenticated("Bearer error=\"invalid_token\""))
            }
            Err(Rejection::NoKeys) => {
                let text = "the keys that sign tokens are not available";
                Err(RpcError::new(Code::Unavailable, text).into())
            }
        }
    }

    /// Checks a token at a time, in seconds since 1970.
    async fn verify(&self, token: &str, now: f64) -> Result<Principal, Rejection> {
        let token = Token::parse(token)?;
        let algorithm = self.rules.algorithm(&token)?;
        let key = self.keys.find(token.key_id(), algorithm).await;
        let key = key.map_err(|Unavailable| Rejection::NoKeys)?;
        let key = key.ok_or(Rejection::Invalid("no key fits it"))?;
        token.verify(&key, algorithm)?;
        self.rules.claims(&token, now)
    }
}

/// Why a token is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rejection {
    /// It is wrong; the reason is for the log.
    Invalid(&'static str),
    /// Nobody can tell.
    NoKeys,
}

impl Principal {
    /// Writes what services may know.
    pub(crate) fn tell(&self, nats: &mut Headers) {
        nats.insert(headers::SUBJECT, &*self.subject);
        if !self.scopes.is_empty() {
            nats.insert(headers::SCOPES, self.scopes.as_str());
        }
    }

    fn has(&self, scope: &str) -> bool {
        self.scopes.split(' ').any(|given| given == scope)
    }
}

/// Refuses a call whose caller lacks a scope of the method, where tokens are checked at all.
///
/// The service checks again: it may be called by others than this bridge.
pub(crate) fn permit(
    gate: Option<&Gate>,
    principal: Option<&Principal>,
    method: &Method,
) -> Result<(), Problem> {
    if gate.is_none() || method.scopes.is_empty() {
        return Ok(());
    }
    let Some(principal) = principal else {
        return Err(unauthenticated("Bearer"));
    };
    let missing: Vec<&str> = method
        .scopes
        .iter()
        .map(String::as_str)
        .filter(|scope| !principal.has(scope))
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let text = format!("the token lacks the scope `{}`", missing.join("`, `"));
    let wanted = method.scopes.join(" ");
    let challenge = format!("Bearer error=\"insufficient_scope\", scope=\"{wanted}\"");
    // A service may announce scopes that no header can hold.
    let challenge = HeaderValue::from_str(&challenge).unwrap_or(HeaderValue::from_static(
        "Bearer error=\"insufficient_scope\"",
    ));
    let problem = Problem::from(RpcError::new(Code::PermissionDenied, text));
    Err(problem.with_header(header::WWW_AUTHENTICATE, challenge))
}

fn unauthenticated(challenge: &'static str) -> Problem {
    let error = RpcError::new(
        Code::Unauthenticated,
        "expected `Authorization: Bearer` and a valid token",
    );
    Problem::from(error).with_header(
        header::WWW_AUTHENTICATE,
        HeaderValue::from_static(challenge),
    )
}

/// Returns the token of `Bearer <token>`; the scheme's case is free.
fn bearer(value: &HeaderValue) -> Option<&str> {
    let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
    scheme
        .eq_ignore_ascii_case("bearer")
        .then_some(token.trim_matches(' '))
}

#[cfg(test)]
mod tests;
