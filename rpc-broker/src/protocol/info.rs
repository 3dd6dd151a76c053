//! INFO: how the broker introduces itself.

use std::net::{IpAddr, SocketAddr};

use bytes::{BufMut, BytesMut};
use serde::Serialize;

/// The account every client is in; a stock server without accounts says the
/// same.
const ACCOUNT: &str = "$G";

/// What INFO says about the broker.
///
/// Keys of features the broker does not have (JetStream, clustering, TLS) are
/// absent: some clients take their mere presence for the feature.
#[derive(Debug, Serialize)]
pub(crate) struct ServerInfo {
    server_id: String,
    server_name: String,
    version: &'static str,
    proto: u8,
    host: String,
    port: u16,
    headers: bool,
    max_payload: usize,
    #[serde(skip_serializing_if = "is_false")]
    auth_required: bool,
}

/// What INFO says about one connection, and at one moment.
#[derive(Debug, Serialize)]
pub(crate) struct ConnectionInfo {
    client_id: u64,
    client_ip: IpAddr,
    #[serde(skip_serializing_if = "is_false")]
    connect_info: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    remote_account: Option<&'static str>,
    #[serde(skip_serializing_if = "is_false")]
    ldm: bool,
}

impl ServerInfo {
    /// Describes a broker that listens on `address`.
    pub(crate) fn new(address: SocketAddr, max_payload: usize, auth_required: bool) -> Self {
        Self {
            server_id: server_id(),
            server_name: format!("rpc-embedded-{}", std::process::id()),
            // Clients parse this as a semantic version and gate features by
            // it; it names the reference the behaviour was checked against.
            version: "2.15.1-embedded",
            proto: 1,
            host: address.ip().to_string(),
            port: address.port(),
            headers: true,
            max_payload,
            auth_required,
        }
    }

    /// Appends the INFO operation for one connection.
    pub(crate) fn write(&self, connection: &ConnectionInfo, buffer: &mut BytesMut) {
        #[derive(Serialize)]
        struct Both<'a> {
            #[serde(flatten)]
            server: &'a ServerInfo,
            #[serde(flatten)]
            connection: &'a ConnectionInfo,
        }
        buffer.put_slice(b"INFO ");
        let both = Both {
            server: self,
            connection,
        };
        serde_json::to_writer(buffer.writer(), &both)
            .expect("strings, numbers and booleans always serialize, and memory takes them");
        buffer.put_slice(b" \r\n");
    }
}

impl ConnectionInfo {
    /// Describes a connection that has just been accepted.
    pub(crate) fn new(client_id: u64, client_ip: IpAddr, ldm: bool) -> Self {
        Self {
            client_id,
            client_ip,
            connect_info: false,
            remote_account: None,
            ldm,
        }
    }

    /// Adds what is known once the client has connected.
    pub(crate) fn connected(mut self) -> Self {
        self.connect_info = true;
        self.remote_account = Some(ACCOUNT);
        self
    }
}

/// Makes an identifier in the shape of a server's public key, which some
/// tools compare to tell whether two connections reach the same server.
fn server_id() -> String {
    let digits = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let random = std::iter::repeat_with(|| char::from(digits[fastrand::usize(..digits.len())]));
    std::iter::once('N').chain(random.take(55)).collect()
}

/// Takes a reference because serde passes one.
fn is_false(flag: &bool) -> bool {
    !flag
}

#[cfg(test)]
mod tests {
    use super::*;

    fn info(connection: &ConnectionInfo) -> serde_json::Value {
        let address = SocketAddr::from(([127, 0, 0, 1], 4222));
        let mut buffer = BytesMut::new();
        ServerInfo::new(address, 1024, false).write(connection, &mut buffer);
        let json = buffer
            .strip_prefix(b"INFO ")
            .and_then(|rest| rest.strip_suffix(b" \r\n"))
            .expect("INFO, the object, a space and the line end");
        serde_json::from_slice(json).expect("an object")
    }

    #[test]
    fn the_first_info_has_these_keys_and_no_other() {
        let localhost = IpAddr::from([127, 0, 0, 1]);
        let first = info(&ConnectionInfo::new(7, localhost, false));
        let keys: Vec<_> = first.as_object().expect("an object").keys().collect();
        assert_eq!(
            keys,
            [
                "client_id",
                "client_ip",
                "headers",
                "host",
                "max_payload",
                "port",
                "proto",
                "server_id",
                "server_name",
                "version",
            ]
        );
        assert_eq!(first["port"], 4222);
        assert_eq!(first["server_id"].as_str().map(str::len), Some(56));
    }

    #[test]
    fn the_second_info_tells_the_account() {
        let localhost = IpAddr::from([127, 0, 0, 1]);
        let second = info(&ConnectionInfo::new(7, localhost, true).connected());
        assert_eq!(second["connect_info"], true);
        assert_eq!(second["remote_account"], "$G");
        assert_eq!(second["ldm"], true);
    }
}
