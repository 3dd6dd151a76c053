//! Who may call: tokens, and the keys that sign them.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use thiserror::Error;

/// Asks callers for a token (JWT, RFC 7519) in `Authorization: Bearer`.
///
/// What a valid one says of its subject and scopes reaches the services as `Rpc-Sub` and
/// `Rpc-Scopes`; its other claims stay here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Auth {
    /// Where the keys are that sign tokens.
    pub keys: KeySource,
    /// The issuer (`iss`) that a token has to name.
    pub issuer: String,
    /// The audiences (`aud`), of which a token has to name one.
    pub audiences: Vec<String>,
    /// The algorithms that are taken. A key is used with its own alone, whatever a token says.
    pub algorithms: Vec<Algorithm>,
    /// How far the clocks of issuer and bridge may be apart. A minute is usual.
    pub leeway: Duration,
    /// Where a token is asked for.
    pub required: TokenRequired,
}

impl Auth {
    /// Creates the usual: asymmetric algorithms, a minute of leeway, a token for everything.
    pub fn new(keys: KeySource, issuer: impl Into<String>, audience: impl Into<String>) -> Self {
        Self {
            keys,
            issuer: issuer.into(),
            audiences: vec![audience.into()],
            algorithms: Algorithm::ASYMMETRIC.to_vec(),
            leeway: Duration::from_secs(60),
            required: TokenRequired::default(),
        }
    }
}

/// Where a token is asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TokenRequired {
    /// For everything but `/livez` and `/readyz`.
    #[default]
    Everywhere,
    /// For methods that have scopes. Elsewhere a token may be left out, but not be wrong.
    ForScopes,
}

/// Where the keys are that sign tokens: a JWK set (RFC 7517).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeySource {
    /// A file, read again from time to time and when a token names a key that is not known.
    File(PathBuf),
    /// An address with `http` or `https`, asked again from time to time and when a token names a
    /// key that is not known. Symmetric keys from there are not used.
    Url(String),
}

impl FromStr for KeySource {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_url = text.starts_with("http://") || text.starts_with("https://");
        Ok(match is_url {
            true => Self::Url(text.to_owned()),
            false => Self::File(text.into()),
        })
    }
}

impl fmt::Display for KeySource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(f),
            Self::Url(url) => f.write_str(url),
        }
    }
}

/// How a token is signed (RFC 7518, RFC 8037). There is no `none`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[allow(missing_docs)] // Their names are all there is to say.
pub enum Algorithm {
    RS256,
    RS384,
    RS512,
    PS256,
    PS384,
    PS512,
    ES256,
    ES384,
    EdDSA,
    HS256,
    HS384,
    HS512,
}

impl Algorithm {
    /// Those whose keys for checking cannot sign.
    pub const ASYMMETRIC: [Self; 9] = [
        Self::RS256,
        Self::RS384,
        Self::RS512,
        Self::PS256,
        Self::PS384,
        Self::PS512,
        Self::ES256,
        Self::ES384,
        Self::EdDSA,
    ];
    const ALL: [(Self, &str); 12] = [
        (Self::RS256, "RS256"),
        (Self::RS384, "RS384"),
        (Self::RS512, "RS512"),
        (Self::PS256, "PS256"),
        (Self::PS384, "PS384"),
        (Self::PS512, "PS512"),
        (Self::ES256, "ES256"),
        (Self::ES384, "ES384"),
        (Self::EdDSA, "EdDSA"),
        (Self::HS256, "HS256"),
        (Self::HS384, "HS384"),
        (Self::HS512, "HS512"),
    ];
}

/// Why a text is no algorithm.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("`{0}` is no algorithm of tokens: expected such as RS256, ES256 or EdDSA")]
pub struct AlgorithmError(String);

impl FromStr for Algorithm {
    type Err = AlgorithmError;

    fn from_str(text: &str) -> Result<Self, AlgorithmError> {
        let known = Self::ALL.iter().find(|(_, name)| *name == text);
        known
            .map(|(algorithm, _)| *algorithm)
            .ok_or_else(|| AlgorithmError(text.to_owned()))
    }
}
