//! A reply: `[[result], {}]`, or an error in headers and body.

use std::fmt;
use std::marker::PhantomData;

use bytes::Bytes;
use serde::de::{DeserializeOwned, Deserializer, IgnoredAny, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};

use super::{Arguments, Headers, RpcError, headers};

/// Several results of one method, positional and by keyword, and what HTTP should answer; a plain
/// return value needs none.
///
/// # Examples
/// ```
/// use rpc_core::protocol::Reply;
/// let reply = Reply::new().result(3).result("three").keyword("exact", true);
/// assert_eq!(reply.into_payload().unwrap(), r#"[[3, "three"], {"exact": true}]"#);
///
/// let created = Reply::new().result(7).status(201).header("Location", "/v1/user/7");
/// assert_eq!(created.into_wire().unwrap().headers.get("rpc-status"), Some("201"));
/// ```
#[derive(Debug, Default)]
pub struct Reply {
    arguments: Arguments,
    headers: Headers,
    /// The first header that could not be set.
    refused: Option<String>,
}

impl Reply {
    /// Creates a reply without results: `[[], {}]`.
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends a positional result.
    #[must_use]
    pub fn result(mut self, value: impl Serialize) -> Self {
        self.arguments = self.arguments.arg(value);
        self
    }

    /// Adds a keyword result.
    #[must_use]
    pub fn keyword(mut self, name: &str, value: impl Serialize) -> Self {
        self.arguments = self.arguments.kwarg(name, value);
        self
    }

    /// Sets the status with which the method's routes over plain HTTP answer, 200 to 399. Callers on
    /// NATS and those of `POST /<service>.<method>` see nothing of it.
    #[must_use]
    pub fn status(mut self, status: u16) -> Self {
        match (200..400).contains(&status) {
            true => _ = self.headers.insert(headers::STATUS, status.to_string()),
            false => self.refuse(format!("{status} is no status of a success, 200 to 399")),
        }
        self
    }

    /// Adds a header to the answer of the method's routes over plain HTTP. The bridge lets `Location`,
    /// `Cache-Control` and their like pass and drops others.
    ///
    /// The call fails with `internal` when the header could break the framing of a message, or
    /// belongs to NATS or this library: `Nats-…`, `Rpc-…`.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        let lower = name.to_ascii_lowercase();
        let reserved = lower.starts_with("nats-") || lower.starts_with("rpc-");
        if reserved || !self.headers.insert(name, value) {
            self.refuse(format!(
                "{name:?} is no header that a method may set, or its value is not one line"
            ));
        }
        self
    }

    fn refuse(&mut self, reason: String) {
        self.refused.get_or_insert(reason);
    }

    /// Returns the payload, `[results, keywords]`.
    ///
    /// # Errors
    /// The first error of a value's `Serialize`.
    pub fn into_payload(self) -> Result<Bytes, serde_json::Error> {
        self.arguments.into_payload()
    }

    /// Returns the reply as it travels.
    ///
    /// # Errors
    /// The first error of a value's `Serialize`, or which header could not be set.
    pub fn into_wire(self) -> Result<WireReply, serde_json::Error> {
        if let Some(reason) = self.refused {
            return Err(serde::ser::Error::custom(reason));
        }
        let payload = self.arguments.into_payload()?;
        Ok(WireReply {
            headers: self.headers,
            payload,
        })
    }
}

/// A reply as it travels: headers only when there is something to say, and the payload.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WireReply {
    /// The error headers of a failure, or what a method wants HTTP to answer; often none.
    pub headers: Headers,
    /// `[[result], {}]`, or the JSON body of an error.
    pub payload: Bytes,
}

impl WireReply {
    /// Creates the reply of a call that succeeded.
    pub fn success(payload: impl Into<Bytes>) -> Self {
        Self {
            headers: Headers::new(),
            payload: payload.into(),
        }
    }

    /// Creates the reply of a call that failed; `request_id` names it in the log.
    pub fn failure(error: &RpcError, request_id: Option<&str>) -> Self {
        let mut headers = Headers::new();
        headers.insert(headers::ERROR_CODE, error.status().to_string());
        headers.insert(headers::ERROR, headers::one_line(&error.to_string()));
        if let Some(id) = request_id {
            headers.insert(headers::REQUEST_ID, id);
        }
        Self {
            headers,
            payload: error.to_json(request_id).into(),
        }
    }

    /// Returns the failure that this reply reports, if it reports one.
    pub fn error(&self) -> Option<RpcError> {
        let number = self.headers.get(headers::ERROR_CODE);
        let line = self.headers.get(headers::ERROR);
        if number.is_none() && line.is_none() {
            return None;
        }
        let number = number
            .and_then(|number| number.trim().parse().ok())
            .unwrap_or(500);
        Some(RpcError::from_wire(
            number,
            line.unwrap_or_default(),
            &self.payload,
        ))
    }

    /// Reads the first result; a reply without results reads as `null`.
    ///
    /// # Errors
    /// The text says how the payload differs from `[[result], {}]`, or why the result is no `T`.
    pub fn result<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        serde_json::from_slice::<Results<T>>(&self.payload).map(|results| results.0)
    }
}

/// Reads `[[result, …], {…}]`, keeping the first result.
struct Results<T>(T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Results<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Outer<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Outer<T> {
            type Value = Results<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a reply `[[result], {}]`")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                let Some(First(first)) = seq.next_element()? else {
                    return Err(serde::de::Error::invalid_length(0, &self));
                };
                seq.next_element::<IgnoredAny>()?;
                Ok(Results(first))
            }
        }
        deserializer.deserialize_seq(Outer(PhantomData))
    }
}

/// Reads `[result, …]`, keeping the first; `[]` is `null`.
struct First<T>(T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for First<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Inner<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Inner<T> {
            type Value = First<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of results")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                let first = match seq.next_element()? {
                    Some(first) => first,
                    None => T::deserialize(serde::de::value::UnitDeserializer::new())?,
                };
                while seq.next_element::<IgnoredAny>()?.is_some() {}
                Ok(First(first))
            }
        }
        deserializer.deserialize_seq(Inner(PhantomData))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::Code;

    #[test]
    fn the_first_result_is_read_and_no_result_is_unit() {
        let read = |payload: &'static str| WireReply::success(payload).result::<Option<u8>>();
        assert_eq!(read("[[7], {}]").unwrap(), Some(7));
        assert_eq!(read("[[7, 8], {\"a\": 1}]").unwrap(), Some(7));
        assert_eq!(read("[[], {}]").unwrap(), None);
        WireReply::success("[[], {}]").result::<()>().unwrap();
        for not_a_reply in ["", "7", "[7]", "[]", "[[7], {}, 1]", "[[7], {}] x", "{}"] {
            assert!(read(not_a_reply).is_err(), "{not_a_reply}");
        }
    }

    #[test]
    fn a_method_chooses_status_and_headers_of_http() {
        let reply = Reply::new()
            .result(1)
            .status(201)
            .header("Location", "/v1/7");
        let reply = reply.into_wire().unwrap();
        let headers: Vec<_> = reply.headers.iter().collect();
        assert_eq!(headers, [("Rpc-Status", "201"), ("Location", "/v1/7")]);
        assert_eq!(reply.payload, "[[1], {}]");
        assert!(Reply::new().into_wire().unwrap().headers.is_empty());
        for bad in [
            Reply::new().status(404),
            Reply::new().status(199),
            Reply::new().header("Location", "a\r\nSet-Cookie: b"),
            Reply::new().header("Nats-Service-Error-Code", "500"),
            Reply::new().header("rpc-status", "500"),
            Reply::new().header("", "x"),
        ] {
            assert!(bad.into_wire().is_err());
        }
    }

    #[test]
    fn a_failure_is_told_by_headers_and_read_from_the_body() {
        let reply = WireReply::failure(&RpcError::new(Code::NotFound, "no\nuser 7"), Some("r1"));
        assert_eq!(reply.headers.get("nats-service-error-code"), Some("404"));
        assert_eq!(
            reply.headers.get("nats-service-error"),
            Some("not_found: no user 7")
        );
        let error = reply.error().unwrap();
        assert_eq!((error.code(), error.message()), ("not_found", "no\nuser 7"));
        assert!(WireReply::success("[[], {}]").error().is_none());
    }
}
