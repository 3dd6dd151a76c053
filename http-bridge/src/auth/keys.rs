//! Keys, each of which checks signatures of its own kind and of no other.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac;
use ring::signature::{self, RsaParameters, RsaPublicKeyComponents, UnparsedPublicKey};
use serde::Deserialize;
use serde_json::Value;

use crate::config::Algorithm;

/// More keys than any issuer has at a time; those that follow are not used.
const MOST_KEYS: usize = 100;

/// The keys of an issuer: a JWK set (RFC 7517).
#[derive(Debug)]
pub(super) struct KeySet(Vec<Arc<Key>>);

/// A key, and what it may check.
#[derive(Debug)]
pub(super) struct Key {
    id: Option<String>,
    /// The one algorithm that the issuer uses it with, where it says so.
    algorithm: Option<Algorithm>,
    kind: Kind,
}

enum Kind {
    Rsa { n: Vec<u8>, e: Vec<u8> },
    P256(Vec<u8>),
    P384(Vec<u8>),
    Ed25519(Vec<u8>),
    Secret(Vec<u8>),
}

/// A key as JSON has it (RFC 7518 §6, RFC 8037).
#[derive(Deserialize)]
struct Jwk {
    kty: String,
    kid: Option<String>,
    alg: Option<String>,
    r#use: Option<String>,
    key_ops: Option<Vec<String>>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
    k: Option<String>,
}

#[derive(Deserialize)]
struct JwkSet {
    keys: Vec<Value>,
}

impl KeySet {
    /// Reads a set. Keys that are for other purposes or of unknown kinds are left out, as
    /// RFC 7517 asks; without any other the set is an error.
    pub(super) fn parse(json: &[u8], allow_secrets: bool) -> Result<Self, String> {
        let set: JwkSet = serde_json::from_slice(json)
            .map_err(|error| format!("expected a JWK set, `{{\"keys\": […]}}`: {error}"))?;
        let mut keys = Vec::new();
        for jwk in set.keys.into_iter().take(MOST_KEYS) {
            let jwk: Result<Jwk, _> = serde_json::from_value(jwk);
            let key = jwk.map_err(|error| error.to_string()).and_then(Key::new);
            match key {
                Ok(key) if !allow_secrets && key.is_secret() => {
                    tracing::warn!("a symmetric key is left out: only a file may hold one");
                }
                Ok(key) => keys.push(Arc::new(key)),
                Err(reason) => tracing::debug!("a key is left out: {reason}"),
            }
        }
        match keys.is_empty() {
            true => Err("the JWK set has no key that checks signatures".to_owned()),
            false => Ok(Self(keys)),
        }
    }

    /// Returns the key with this name that checks `algorithm`; without a name, the only one that
    /// does.
    pub(super) fn find(&self, id: Option<&str>, algorithm: Algorithm) -> Option<Arc<Key>> {
        let fits = |key: &&Arc<Key>| match id {
            Some(id) => key.id.as_deref() == Some(id) && key.checks(algorithm),
            None => key.checks(algorithm),
        };
        let mut fitting = self.0.iter().filter(fits);
        let first = fitting.next()?;
        match (id, fitting.next()) {
            (None, Some(_)) => None,
            _ => Some(first.clone()),
        }
    }
}

impl Key {
    fn new(jwk: Jwk) -> Result<Self, String> {
        if jwk.r#use.as_deref().is_some_and(|purpose| purpose != "sig") {
            return Err("it is not for signatures".to_owned());
        }
        let can_verify = |ops: &Vec<String>| ops.iter().any(|op| op == "verify");
        if !jwk.key_ops.as_ref().is_none_or(can_verify) {
            return Err("it does not verify".to_owned());
        }
        let algorithm = match &jwk.alg {
            Some(name) => Some(name.parse().map_err(|error| format!("{error}"))?),
            None => None,
        };
        let point = || -> Result<Vec<u8>, String> {
            // Uncompressed, as SEC 1 writes it.
            Ok([&[4], &*bytes(&jwk.x, "x")?, &*bytes(&jwk.y, "y")?].concat())
        };
        let kind = match (jwk.kty.as_str(), jwk.crv.as_deref()) {
            ("RSA", _) => Kind::Rsa {
                n: bytes(&jwk.n, "n")?,
                e: bytes(&jwk.e, "e")?,
            },
            ("EC", Some("P-256")) => Kind::P256(point()?),
            ("EC", Some("P-384")) => Kind::P384(point()?),
            ("OKP", Some("Ed25519")) => Kind::Ed25519(bytes(&jwk.x, "x")?),
            ("oct", _) => Kind::Secret(bytes(&jwk.k, "k")?),
            (kty, crv) => return Err(format!("unknown kind {kty} {}", crv.unwrap_or_default())),
        };
        Ok(Self {
            id: jwk.kid,
            algorithm,
            kind,
        })
    }

    fn is_secret(&self) -> bool {
        matches!(self.kind, Kind::Secret(_))
    }

    /// Returns whether it may check signatures of `algorithm`: a public key is never a secret,
    /// which would let everybody sign.
    fn checks(&self, algorithm: Algorithm) -> bool {
        use Algorithm::{ES256, ES384, EdDSA, HS256, HS384, HS512};
        if self.algorithm.is_some_and(|own| own != algorithm) {
            return false;
        }
        match &self.kind {
            Kind::Rsa { .. } => rsa(algorithm).is_some(),
            Kind::P256(_) => algorithm == ES256,
            Kind::P384(_) => algorithm == ES384,
            Kind::Ed25519(_) => algorithm == EdDSA,
            Kind::Secret(_) => matches!(algorithm, HS256 | HS384 | HS512),
        }
    }

    /// Returns whether `signature` is one of `message` by this key.
    pub(super) fn verifies(&self, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> bool {
        if !self.checks(algorithm) {
            return false;
        }
        match &self.kind {
            Kind::Rsa { n, e } => rsa(algorithm).is_some_and(|parameters| {
                let key = RsaPublicKeyComponents { n, e };
                key.verify(parameters, message, signature).is_ok()
            }),
            Kind::P256(point) => {
                let key = UnparsedPublicKey::new(&signature::ECDSA_P256_SHA256_FIXED, point);
                key.verify(message, signature).is_ok()
            }
            Kind::P384(point) => {
                let key = UnparsedPublicKey::new(&signature::ECDSA_P384_SHA384_FIXED, point);
                key.verify(message, signature).is_ok()
            }
            Kind::Ed25519(point) => {
                let key = UnparsedPublicKey::new(&signature::ED25519, point);
                key.verify(message, signature).is_ok()
            }
            Kind::Secret(secret) => {
                let key = hmac::Key::new(hash(algorithm), secret);
                hmac::verify(&key, message, signature).is_ok()
            }
        }
    }
}

impl std::fmt::Debug for Kind {
    /// Names the kind alone: one of them is a secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Rsa { .. } => "RSA",
            Self::P256(_) => "P-256",
            Self::P384(_) => "P-384",
            Self::Ed25519(_) => "Ed25519",
            Self::Secret(_) => "secret",
        })
    }
}

fn rsa(algorithm: Algorithm) -> Option<&'static RsaParameters> {
    Some(match algorithm {
        Algorithm::RS256 => &signature::RSA_PKCS1_2048_8192_SHA256,
        Algorithm::RS384 => &signature::RSA_PKCS1_2048_8192_SHA384,
        Algorithm::RS512 => &signature::RSA_PKCS1_2048_8192_SHA512,
        Algorithm::PS256 => &signature::RSA_PSS_2048_8192_SHA256,
        Algorithm::PS384 => &signature::RSA_PSS_2048_8192_SHA384,
        Algorithm::PS512 => &signature::RSA_PSS_2048_8192_SHA512,
        _ => return None,
    })
}

fn hash(algorithm: Algorithm) -> hmac::Algorithm {
    match algorithm {
        Algorithm::HS512 => hmac::HMAC_SHA512,
        Algorithm::HS384 => hmac::HMAC_SHA384,
        _ => hmac::HMAC_SHA256,
    }
}

fn bytes(member: &Option<String>, name: &str) -> Result<Vec<u8>, String> {
    let text = member
        .as_deref()
        .ok_or_else(|| format!("`{name}` is missing"))?;
    let decoded = URL_SAFE_NO_PAD.decode(text.trim_end_matches('='));
    match decoded {
        Ok(bytes) if !bytes.is_empty() => Ok(bytes),
        _ => Err(format!("`{name}` is not base64url")),
    }
}
