//! The options for who may call, from where and how often.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use http_bridge::{
    Algorithm, Auth, Cors, ForwardedHeader, Idempotency, KeySource, MetricsAt, Network, Origin,
    Proxies, Rate, Tls, TokenRequired,
};

use super::values::{size, time_or_none};

/// What stands between clients and calls.
#[derive(Debug, Args)]
#[command(next_help_heading = "Edge")]
pub(super) struct EdgeOptions {
    /// The certificate for TLS, with its chain, in PEM; watched for changes
    #[arg(long, value_name = "FILE")]
    tls_cert: Option<PathBuf>,
    /// Its private key, in PEM
    #[arg(long, value_name = "FILE")]
    tls_key: Option<PathBuf>,
    /// The keys that sign tokens, a JWK set in a file or at an http(s) address; asks for tokens
    #[arg(long, value_name = "FILE or URL")]
    jwt_keys: Option<KeySource>,
    /// Who makes the tokens (`iss`)
    #[arg(long, value_name = "ISSUER")]
    jwt_issuer: Option<String>,
    /// For whom the tokens are (`aud`), one of these
    #[arg(long, value_name = "AUDIENCE", value_delimiter = ',')]
    jwt_audience: Vec<String>,
    /// How tokens may be signed, such as RS256; every asymmetric algorithm without it
    #[arg(long, value_name = "ALGORITHM", value_delimiter = ',')]
    jwt_algorithm: Vec<Algorithm>,
    /// How far the clocks of issuer and bridge may be apart
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = time_or_none)]
    jwt_leeway: Duration,
    /// Where a token is asked for
    #[arg(long, value_name = "WHERE", default_value = "everywhere")]
    jwt_required: Required,
    /// Origins whose pages may call, such as https://app.example
    #[arg(long, value_name = "ORIGIN", value_delimiter = ',')]
    cors_origin: Vec<Origin>,
    /// Let browsers send cookies with calls from those pages
    #[arg(long, value_name = "BOOLEAN", default_value = "false", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    cors_credentials: bool,
    /// Networks of the proxies whose word on a client's address is taken, such as 10.0.0.0/8
    #[arg(long, value_name = "NETWORK", value_delimiter = ',')]
    trusted_proxy: Vec<Network>,
    /// The header in which those proxies write it
    #[arg(long, value_name = "HEADER", default_value = "x-forwarded-for")]
    forwarded_header: ForwardedBy,
    /// How often one client may call, such as 100/1s; as often as it likes without it
    #[arg(long, value_name = "RATE")]
    rate_limit: Option<Rate>,
    /// Serve /metrics beside everything else
    #[arg(long, value_name = "BOOLEAN", default_value = "false", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    metrics: bool,
    /// Serve /metrics on an address of its own, in plain HTTP
    #[arg(long, value_name = "ADDRESS")]
    metrics_listen: Option<SocketAddr>,
    /// Compress large answers for clients that take it
    #[arg(long, value_name = "BOOLEAN", default_value = "true", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    compression: bool,
    /// How long replies are kept for repeats with the same Idempotency-Key; 0 for not at all
    #[arg(long, value_name = "TIME", default_value = "10m", value_parser = time_or_none)]
    idempotency_time: Duration,
    /// What those replies may take together
    #[arg(long, value_name = "SIZE", default_value = "16MiB", value_parser = size)]
    idempotency_memory: usize,
}

/// Where a token is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Required {
    /// For everything but probes
    Everywhere,
    /// For methods that have scopes
    Scopes,
}

/// The headers that proxies write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum ForwardedBy {
    /// What most write
    XForwardedFor,
    /// RFC 7239
    Forwarded,
}

impl EdgeOptions {
    /// Writes the options into a configuration.
    ///
    /// # Errors
    /// When an option lacks others that it means nothing without.
    pub(super) fn apply(self, config: &mut http_bridge::Config) -> Result<(), String> {
        config.tls = match (self.tls_cert, self.tls_key) {
            (None, None) => None,
            (Some(certificate), Some(key)) => Some(Tls { certificate, key }),
            _ => return Err("`--tls-cert` and `--tls-key` go together".to_owned()),
        };
        config.auth = match (self.jwt_keys, self.jwt_issuer, self.jwt_audience) {
            (None, None, audiences) if audiences.is_empty() => None,
            (Some(keys), Some(issuer), audiences) if !audiences.is_empty() => Some(Auth {
                keys,
                issuer,
                audiences,
                algorithms: match self.jwt_algorithm.is_empty() {
                    true => Algorithm::ASYMMETRIC.to_vec(),
                    false => self.jwt_algorithm,
                },
                leeway: self.jwt_leeway,
                required: match self.jwt_required {
                    Required::Everywhere => TokenRequired::Everywhere,
                    Required::Scopes => TokenRequired::ForScopes,
                },
            }),
            // Less would be a token from anybody, for anybody; or none at all, unnoticed.
            _ => {
                return Err(
                    "`--jwt-keys`, `--jwt-issuer` and `--jwt-audience` go together".to_owned(),
                );
            }
        };
        config.cors = Cors {
            origins: self.cors_origin,
            credentials: self.cors_credentials,
        };
        config.proxies = Proxies {
            trusted: self.trusted_proxy,
            header: match self.forwarded_header {
                ForwardedBy::XForwardedFor => ForwardedHeader::XForwardedFor,
                ForwardedBy::Forwarded => ForwardedHeader::Forwarded,
            },
        };
        config.rate_limit = self.rate_limit;
        config.metrics = match (self.metrics_listen, self.metrics) {
            (Some(_), true) => {
                return Err("`--metrics` and `--metrics-listen` exclude each other".to_owned());
            }
            (Some(address), false) => Some(MetricsAt::Listener(address)),
            (None, true) => Some(MetricsAt::MainPort),
            (None, false) => None,
        };
        config.compression = self.compression;
        config.idempotency = Idempotency {
            time: self.idempotency_time,
            bytes: self.idempotency_memory,
        };
        Ok(())
    }
}
