//! Which host a request is meant for.

use std::net::{Ipv4Addr, Ipv6Addr};

use hyper::header;
use hyper::http::request::Parts;
use hyper::http::uri::Authority;

use crate::problem::Problem;
use crate::status::Refusal;

/// Refuses a request that names no host, and on a loopback address one that names a foreign host.
///
/// A page on the web may point its own name at 127.0.0.1 and then speak to this bridge as if it
/// were that site (DNS rebinding). What the browser cannot change is the name it sends.
pub(crate) fn check(head: &Parts, loopback: bool, allowed: &[String]) -> Result<(), Problem> {
    let host = of(head).ok_or_else(|| {
        Problem::refused(Refusal::BadRequest, "expected exactly one valid `Host`").closing()
    })?;
    if loopback && !is_local(host.host()) && !allowed.iter().any(|name| is_same(name, &host)) {
        return Err(Problem::refused(
            Refusal::MisdirectedRequest,
            format!("this bridge listens on a loopback address and does not answer for `{host}`"),
        ));
    }
    Ok(())
}

/// Returns the host a request names, when it names one.
pub(crate) fn of(head: &Parts) -> Option<Authority> {
    if let Some(authority) = head.uri.authority() {
        return Some(authority.clone());
    }
    let mut hosts = head.headers.get_all(header::HOST).iter();
    let host = hosts.next()?;
    // A second one is how a proxy and its server come to see different hosts.
    if hosts.next().is_some() || host.as_bytes().contains(&b'@') {
        return None;
    }
    Authority::try_from(host.as_bytes())
        .ok()
        .filter(|authority| !authority.host().is_empty())
}

fn is_local(host: &str) -> bool {
    let host = host.strip_suffix('.').unwrap_or(host);
    let last = host.rsplit('.').next().unwrap_or(host);
    if last.eq_ignore_ascii_case("localhost") {
        return true;
    }
    match host
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
    {
        Some(v6) => v6.parse().is_ok_and(|ip: Ipv6Addr| ip.is_loopback()),
        None => host.parse().is_ok_and(|ip: Ipv4Addr| ip.is_loopback()),
    }
}

/// An allowed name without a port stands for every port.
fn is_same(allowed: &str, host: &Authority) -> bool {
    allowed.eq_ignore_ascii_case(host.host()) || allowed.eq_ignore_ascii_case(host.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn local_names_are_local_and_look_alikes_are_not() {
        for local in [
            "localhost",
            "LOCALHOST",
            "app.localhost",
            "localhost.",
            "127.0.0.1",
            "127.9.9.9",
            "[::1]",
        ] {
            assert!(is_local(local), "{local}");
        }
        for foreign in [
            "evil.example",
            "localhost.evil.example",
            "notlocalhost",
            "127.0.0.1.nip.io",
            "10.0.0.1",
            "0.0.0.0",
            "[::2]",
            "",
        ] {
            assert!(!is_local(foreign), "{foreign}");
        }
    }
}
