//! Where a request comes from, behind proxies.

use std::net::{IpAddr, SocketAddr};

use hyper::HeaderMap;
use hyper::header::{self, HeaderName};

use crate::config::{ForwardedHeader, Network, Proxies};

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// Returns the client's address: of `peer`, who connected, and of the hops that the header lists,
/// the last one that is no trusted proxy.
///
/// Each proxy appends whom it heard from. So the list is believed from its end, and only as far as
/// trusted proxies have written it: what stands before may be the client's invention.
pub(crate) fn of(peer: IpAddr, headers: &HeaderMap, proxies: &Proxies) -> IpAddr {
    let peer = peer.to_canonical();
    if !is_trusted(peer, &proxies.trusted) {
        return peer;
    }
    let name = match proxies.header {
        ForwardedHeader::XForwardedFor => X_FORWARDED_FOR,
        ForwardedHeader::Forwarded => header::FORWARDED,
    };
    let mut client = peer;
    // Several lines of one header are one list.
    for line in headers.get_all(name).iter().rev() {
        let Ok(line) = line.to_str() else {
            return client;
        };
        for hop in line.rsplit(',') {
            let address = match proxies.header {
                ForwardedHeader::XForwardedFor => address(hop.trim()),
                ForwardedHeader::Forwarded => forwarded_for(hop),
            };
            match address {
                Some(address) => client = address,
                // A proxy that does not say from whom it heard is the last that is known.
                None => return client,
            }
            if !is_trusted(client, &proxies.trusted) {
                return client;
            }
        }
    }
    client
}

fn is_trusted(address: IpAddr, trusted: &[Network]) -> bool {
    trusted.iter().any(|network| network.contains(address))
}

/// Reads `for=192.0.2.60;proto=http` or `For="[2001:db8::1]:4711"`.
fn forwarded_for(hop: &str) -> Option<IpAddr> {
    let value = hop.split(';').find_map(|pair| {
        let (name, value) = pair.split_once('=')?;
        name.trim()
            .eq_ignore_ascii_case("for")
            .then_some(value.trim())
    })?;
    let quoted = value
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'));
    address(quoted.unwrap_or(value))
}

/// Reads an address, with or without a port.
fn address(text: &str) -> Option<IpAddr> {
    let bare = text
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'));
    let parsed = bare.unwrap_or(text).parse::<IpAddr>().ok();
    let parsed = parsed.or_else(|| {
        text.parse::<SocketAddr>()
            .ok()
            .map(|with_port| with_port.ip())
    });
    parsed.map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper::header::HeaderValue;

    fn client(peer: &str, header: ForwardedHeader, lines: &[&'static str]) -> String {
        let trusted = ["10.0.0.0/8", "fd00::/8"].map(|text| text.parse().unwrap());
        let proxies = Proxies {
            trusted: trusted.to_vec(),
            header,
        };
        let name = match header {
            ForwardedHeader::XForwardedFor => X_FORWARDED_FOR,
            ForwardedHeader::Forwarded => header::FORWARDED,
        };
        let mut headers = HeaderMap::new();
        // The other header is a client's, always.
        headers.insert("x-forwarded-for", HeaderValue::from_static("6.6.6.6"));
        headers.insert("forwarded", HeaderValue::from_static("for=6.6.6.6"));
        headers.remove(&name);
        for line in lines {
            headers.append(
                name.clone(),
                HeaderValue::from_bytes(line.as_bytes()).unwrap(),
            );
        }
        of(peer.parse().unwrap(), &headers, &proxies).to_string()
    }

    #[test]
    fn the_last_hop_that_is_no_trusted_proxy_is_the_client() {
        for (peer, lines, expected) in [
            // Whoever is not trusted speaks for itself.
            ("203.0.113.9", &["1.2.3.4"][..], "203.0.113.9"),
            ("10.0.0.1", &[], "10.0.0.1"),
            ("10.0.0.1", &["203.0.113.7"], "203.0.113.7"),
            ("::ffff:10.0.0.1", &["203.0.113.7"], "203.0.113.7"),
            // What the client wrote itself stands before what the proxy appended.
            ("10.0.0.1", &["6.6.6.6, 203.0.113.7"], "203.0.113.7"),
            ("10.0.0.1", &["10.9.9.9, 203.0.113.7"], "203.0.113.7"),
            ("10.0.0.1", &["6.6.6.6", "203.0.113.7"], "203.0.113.7"),
            // A chain of trusted proxies.
            (
                "10.0.0.1",
                &["6.6.6.6, 203.0.113.7, 10.0.0.2"],
                "203.0.113.7",
            ),
            (
                "10.0.0.1",
                &["203.0.113.7", "10.0.0.3 , 10.0.0.2"],
                "203.0.113.7",
            ),
            ("10.0.0.1", &["10.0.0.3, 10.0.0.2"], "10.0.0.3"),
            ("fd00::1", &["2001:db8::5"], "2001:db8::5"),
            ("10.0.0.1", &["[2001:db8::5]:443"], "2001:db8::5"),
            ("10.0.0.1", &["203.0.113.7:5000"], "203.0.113.7"),
            // What cannot be read hides what stands before it.
            ("10.0.0.1", &["6.6.6.6, unknown"], "10.0.0.1"),
            ("10.0.0.1", &["6.6.6.6, , 10.0.0.2"], "10.0.0.2"),
            ("10.0.0.1", &["6.6.6.6\u{e4}"], "10.0.0.1"),
        ] {
            let found = client(peer, ForwardedHeader::XForwardedFor, lines);
            assert_eq!(found, expected, "{peer} {lines:?}");
        }
    }

    #[test]
    fn rfc_7239_is_read_when_it_is_chosen() {
        for (lines, expected) in [
            (&["for=203.0.113.7"][..], "203.0.113.7"),
            (
                &["for=6.6.6.6, proto=https;For=\"203.0.113.7:80\";by=10.0.0.1"],
                "203.0.113.7",
            ),
            (&["for=\"[2001:db8::5]:4711\""], "2001:db8::5"),
            (&["for=203.0.113.7, for=10.0.0.2"], "203.0.113.7"),
            (&["for=6.6.6.6, for=_hidden"], "10.0.0.1"),
            (&["proto=https"], "10.0.0.1"),
        ] {
            let found = client("10.0.0.1", ForwardedHeader::Forwarded, lines);
            assert_eq!(found, expected, "{lines:?}");
        }
    }
}
