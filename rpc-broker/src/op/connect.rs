//! `CONNECT {…}`: what the client wants and who it is.

use std::fmt;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};

use crate::config::Credentials;
use crate::protocol::{Closing, ProtocolError};
use crate::session::Session;

/// The keys of CONNECT that mean something to the broker.
///
/// A key that is absent, or `null`, keeps the value an earlier CONNECT gave
/// it. Keys are compared without case and the last of several wins: clients
/// were written against a decoder that does so.
#[derive(Debug, Default)]
pub(crate) struct Connect {
    pub(crate) verbose: Option<bool>,
    pub(crate) pedantic: Option<bool>,
    pub(crate) echo: Option<bool>,
    pub(crate) headers: Option<bool>,
    pub(crate) no_responders: Option<bool>,
    pub(crate) protocol: Option<i64>,
    pub(crate) credentials: Credentials,
    account: Option<String>,
    new_account: Option<bool>,
}

impl Connect {
    /// Reads the JSON object.
    ///
    /// # Errors
    /// Ends the connection silently when it is none, or a value has the wrong
    /// type.
    pub(crate) fn parse(json: &[u8]) -> Result<Self, Closing> {
        // Bytes that are no UTF-8 are tolerated, as a stock server does: they
        // can only be in a name or a secret.
        serde_json::from_str(&String::from_utf8_lossy(json))
            .map_err(|_| Closing::Silent("CONNECT without valid options"))
    }

    /// Changes the options, authenticates, and drops all subscriptions if it
    /// is not the first.
    ///
    /// # Errors
    /// Ends the connection of a client that is not authorized or asks for
    /// what does not go together.
    pub(crate) fn apply(self, session: &mut Session) -> Result<(), Closing> {
        let wants_other_account = self.wants_other_account();
        session.set_options(self);
        if wants_other_account || !session.is_authorized() {
            return Err(ProtocolError::AuthorizationViolation.into());
        }
        session.connect();
        let options = session.options();
        if !(0..=1).contains(&options.protocol) {
            return Err(ProtocolError::InvalidClientProtocol.into());
        }
        if options.no_responders && !options.headers {
            return Err(ProtocolError::NoRespondersWithoutHeaders.into());
        }
        session.send_ok();
        Ok(())
    }

    /// There is one account, and no client may ask for another.
    fn wants_other_account(&self) -> bool {
        self.account.as_ref().is_some_and(|name| !name.is_empty()) || self.new_account == Some(true)
    }
}

impl<'de> Deserialize<'de> for Connect {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ConnectVisitor)
    }
}

struct ConnectVisitor;

impl<'de> Visitor<'de> for ConnectVisitor {
    type Value = Connect;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object or null")
    }

    fn visit_unit<E>(self) -> Result<Connect, E> {
        Ok(Connect::default())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Connect, A::Error> {
        let mut connect = Connect::default();
        while let Some(key) = map.next_key::<String>()? {
            match key.to_ascii_lowercase().as_str() {
                "verbose" => update(&mut connect.verbose, &mut map)?,
                "pedantic" => update(&mut connect.pedantic, &mut map)?,
                "echo" => update(&mut connect.echo, &mut map)?,
                "headers" => update(&mut connect.headers, &mut map)?,
                "no_responders" => update(&mut connect.no_responders, &mut map)?,
                "protocol" => update(&mut connect.protocol, &mut map)?,
                "user" => update(&mut connect.credentials.user, &mut map)?,
                "pass" => update(&mut connect.credentials.password, &mut map)?,
                "auth_token" => update(&mut connect.credentials.token, &mut map)?,
                "account" => update(&mut connect.account, &mut map)?,
                "new_account" => update(&mut connect.new_account, &mut map)?,
                // Ignored, but not of any type.
                "lang" | "version" | "name" | "jwt" | "nkey" | "sig" => {
                    map.next_value::<Option<String>>()?;
                }
                "tls_required" => {
                    map.next_value::<Option<bool>>()?;
                }
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(connect)
    }
}

/// Takes over the next value, unless it is `null`.
fn update<'de, T: Deserialize<'de>, A: MapAccess<'de>>(
    option: &mut Option<T>,
    map: &mut A,
) -> Result<(), A::Error> {
    if let Some(value) = map.next_value::<Option<T>>()? {
        *option = Some(value);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn absent_and_null_keys_stay_unset() {
        let connect = Connect::parse(br#"{"verbose":false,"echo":null,"x":[1]}"#).expect("valid");
        assert_eq!(connect.verbose, Some(false));
        assert_eq!(connect.echo, None);
        assert_eq!(connect.pedantic, None);
        assert_eq!(Connect::parse(b"null").expect("valid").verbose, None);
    }

    #[test]
    fn keys_are_compared_without_case_and_the_last_wins() {
        let connect = Connect::parse(br#"{"Verbose":true,"VERBOSE":false}"#).expect("valid");
        assert_eq!(connect.verbose, Some(false));
    }

    #[test]
    fn anything_but_an_object_of_the_right_types_is_refused() {
        for json in [
            "",
            "[]",
            "1",
            "\"x\"",
            "{",
            "{} x",
            r#"{"verbose":1}"#,
            r#"{"name":1}"#,
            r#"{"protocol":"1"}"#,
            r#"{"protocol":1.5}"#,
            r#"{"user":false}"#,
        ] {
            assert!(Connect::parse(json.as_bytes()).is_err(), "{json}");
        }
    }
}
