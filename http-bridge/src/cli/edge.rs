//! The options for who may call, from where and how often.

use clap::{Args, ValueEnum};
use http_bridge::{Cors, ForwardedHeader, Network, Origin, Proxies, Rate};

/// What stands between clients and calls.
#[derive(Debug, Args)]
#[command(next_help_heading = "Edge")]
pub(super) struct EdgeOptions {
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
    pub(super) fn apply(self, config: &mut http_bridge::Config) {
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
    }
}
