//! The options for what one client, and all of them together, may use.

use std::time::Duration;

use clap::Args;
use http_bridge::Limits;

use super::values::{count, duration, size};

/// One option for every field of [`Limits`].
#[derive(Debug, Args)]
#[command(next_help_heading = "Limits")]
pub(super) struct LimitOptions {
    /// Bytes of a request's body
    #[arg(long, default_value = "1MiB", value_parser = size, value_name = "SIZE")]
    max_body: usize,
    /// Bytes of a request's header names and values
    #[arg(long, default_value = "16KiB", value_parser = size, value_name = "SIZE")]
    max_header_bytes: usize,
    /// Number of a request's headers
    #[arg(long, default_value = "64", value_parser = count, value_name = "COUNT")]
    max_headers: usize,
    /// Bytes of a request's path and query
    #[arg(long, default_value = "8KiB", value_parser = size, value_name = "SIZE")]
    max_uri: usize,
    /// How long the headers of a request may take, from their first byte
    #[arg(long, default_value = "10s", value_parser = duration, value_name = "TIME")]
    header_time: Duration,
    /// How long the body of a request may take
    #[arg(long, default_value = "30s", value_parser = duration, value_name = "TIME")]
    body_time: Duration,
    /// How long a connection may wait for its next request
    #[arg(long, default_value = "75s", value_parser = duration, value_name = "TIME")]
    idle_time: Duration,
    /// Open connections in all
    #[arg(long, default_value = "4096", value_parser = count, value_name = "COUNT")]
    max_connections: usize,
    /// Open connections of one address
    #[arg(long, default_value = "4096", value_parser = count, value_name = "COUNT")]
    max_connections_per_address: usize,
    /// Requests between their headers and their answer
    #[arg(long, default_value = "2048", value_parser = count, value_name = "COUNT")]
    max_requests: usize,
    /// Concurrent requests on one HTTP/2 connection
    #[arg(long, default_value = "100", value_parser = clap::value_parser!(u32).range(1..), value_name = "COUNT")]
    max_http2_streams: u32,
}

impl LimitOptions {
    pub(super) fn into_limits(self) -> Limits {
        Limits {
            body_bytes: self.max_body,
            header_bytes: self.max_header_bytes,
            headers: self.max_headers,
            uri_bytes: self.max_uri,
            header_time: self.header_time,
            body_time: self.body_time,
            idle_time: self.idle_time,
            connections: self.max_connections,
            connections_per_address: self.max_connections_per_address,
            requests_in_flight: self.max_requests,
            http2_streams: self.max_http2_streams,
        }
    }
}
