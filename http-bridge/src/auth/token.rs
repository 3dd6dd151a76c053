//! One token: its parts, and whether its claims hold.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::Value;

use super::keys::Key;
use super::{Principal, Rejection};
use crate::config::Algorithm;

/// Longer subjects and scopes are not handed down from service to service.
const LONGEST_SUBJECT: usize = 1_024;
const LONGEST_SCOPES: usize = 4_096;

/// A token that is not yet believed.
#[derive(Debug)]
pub(super) struct Token<'a> {
    header: Header,
    claims: Claims,
    signed: &'a [u8],
    signature: Vec<u8>,
}

#[derive(Debug, Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    typ: Option<String>,
    /// What must be understood; nothing of it is.
    crit: Option<Value>,
}

#[derive(Debug, Deserialize)]
struct Claims {
    iss: Option<String>,
    aud: Option<OneOrMany>,
    sub: Option<String>,
    exp: Option<f64>,
    nbf: Option<f64>,
    scope: Option<OneOrMany>,
    scp: Option<OneOrMany>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

impl OneOrMany {
    fn iter(&self) -> impl Iterator<Item = &str> {
        let texts = match self {
            Self::One(text) => std::slice::from_ref(text),
            Self::Many(texts) => texts,
        };
        texts.iter().map(String::as_str)
    }
}

/// What the claims of a token have to be.
#[derive(Debug)]
pub(super) struct Rules {
    pub(super) issuer: String,
    pub(super) audiences: Vec<String>,
    pub(super) algorithms: Vec<Algorithm>,
    /// In seconds.
    pub(super) leeway: f64,
}

impl<'a> Token<'a> {
    /// Takes a token apart.
    pub(super) fn parse(text: &'a str) -> Result<Self, Rejection> {
        let malformed = Rejection::Invalid("not three parts of JSON, JSON and a signature");
        let (signed, signature) = text.rsplit_once('.').ok_or(malformed)?;
        let (header, claims) = signed.split_once('.').ok_or(malformed)?;
        let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).map_err(|_| malformed);
        let header: Header = serde_json::from_slice(&decode(header)?).map_err(|_| malformed)?;
        if header.crit.is_some() {
            return Err(Rejection::Invalid("it asks for extensions"));
        }
        if !header.typ.as_deref().is_none_or(is_token_type) {
            return Err(Rejection::Invalid("its type is not `JWT` or `at+jwt`"));
        }
        Ok(Self {
            claims: serde_json::from_slice(&decode(claims)?).map_err(|_| malformed)?,
            signature: decode(signature)?,
            signed: signed.as_bytes(),
            header,
        })
    }

    /// Returns the name of the key that is said to have signed it.
    pub(super) fn key_id(&self) -> Option<&str> {
        self.header.kid.as_deref()
    }

    /// Checks the signature.
    pub(super) fn verify(&self, key: &Key, algorithm: Algorithm) -> Result<(), Rejection> {
        match key.verifies(algorithm, self.signed, &self.signature) {
            true => Ok(()),
            false => Err(Rejection::Invalid("its signature does not fit")),
        }
    }
}

/// Tokens made for another purpose, such as `dpop+jwt`, say so.
fn is_token_type(text: &str) -> bool {
    let text = match text.split_at_checked("application/".len()) {
        Some((prefix, rest)) if prefix.eq_ignore_ascii_case("application/") => rest,
        _ => text,
    };
    text.eq_ignore_ascii_case("jwt") || text.eq_ignore_ascii_case("at+jwt")
}

impl Rules {
    /// Returns the algorithm of a token, if it is one of those that are taken.
    pub(super) fn algorithm(&self, token: &Token<'_>) -> Result<Algorithm, Rejection> {
        let algorithm = token.header.alg.parse().ok();
        algorithm
            .filter(|algorithm| self.algorithms.contains(algorithm))
            .ok_or(Rejection::Invalid("its algorithm is not taken"))
    }

    /// Checks the claims of a token at a time, and returns whom it speaks of.
    pub(super) fn claims(&self, token: &Token<'_>, now: f64) -> Result<Principal, Rejection> {
        let claims = &token.claims;
        // A claim that is no finite number compares false, which refuses the token.
        if !claims.exp.is_some_and(|exp| now < exp + self.leeway) {
            return Err(Rejection::Invalid("it has expired, or never would"));
        }
        if !claims.nbf.is_none_or(|nbf| now >= nbf - self.leeway) {
            return Err(Rejection::Invalid("it is not valid yet"));
        }
        if claims.iss.as_deref() != Some(&*self.issuer) {
            return Err(Rejection::Invalid("another issuer made it"));
        }
        let is_own = |audience: &str| self.audiences.iter().any(|own| own == audience);
        if !claims.aud.iter().flat_map(OneOrMany::iter).any(is_own) {
            return Err(Rejection::Invalid("it is for another audience"));
        }
        // What a header cannot hold is refused and not mended: a mended name may be another's.
        let subject = claims.sub.as_deref().filter(|subject| {
            (1..=LONGEST_SUBJECT).contains(&subject.len())
                && subject.bytes().all(|byte| (b' '..=b'~').contains(&byte))
                && subject.trim() == *subject
        });
        let subject = subject.ok_or(Rejection::Invalid("it has no subject of printable ASCII"))?;
        Ok(Principal {
            subject: subject.into(),
            scopes: scopes(claims),
        })
    }
}

/// Returns the scopes of a token, in the letters of RFC 6749; others could not be asked for.
fn scopes(claims: &Claims) -> String {
    let is_scope = |scope: &&str| {
        let fits = |byte: u8| matches!(byte, b'!' | b'#'..=b'[' | b']'..=b'~');
        !scope.is_empty() && scope.bytes().all(fits)
    };
    let listed = [&claims.scope, &claims.scp];
    let listed = listed.into_iter().flatten().flat_map(OneOrMany::iter);
    let mut scopes = String::new();
    for scope in listed.flat_map(|list| list.split(' ')).filter(is_scope) {
        if scopes.len() + 1 + scope.len() > LONGEST_SCOPES {
            break;
        }
        if !scopes.is_empty() {
            scopes.push(' ');
        }
        scopes.push_str(scope);
    }
    scopes
}
