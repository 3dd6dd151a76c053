//! JSON: decodes `[args, kwargs]` into slots, encodes results, and words what is wrong.

use std::collections::HashSet;
use std::fmt;

use serde::Serialize;
use serde::de::{Deserialize, Deserializer as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::{Deserializer, Error, Value, json};

use crate::bind::{Binder, Failure, Parameter, Slots};
use crate::protocol::{Code, RpcError};

/// Decodes a payload into the slots of a method, in one pass.
///
/// # Errors
/// [`Code::MalformedJson`], [`Code::BadEnvelope`] or [`Code::InvalidArgument`], worded for the caller.
pub(crate) fn decode<'de, S: Slots<'de>>(
    payload: &'de [u8],
    parameters: &'static [Parameter],
) -> Result<S, RpcError> {
    let mut binder = Binder::<S>::new(parameters, false);
    match walk(payload, &mut binder) {
        Ok(()) => {
            unique_keys_below(payload, parameters, binder.saw_keywords)?;
            Ok(binder.into_slots())
        }
        Err(error) => Err(explain::<S>(
            payload,
            parameters,
            &error,
            binder.take_failure(),
        )),
    }
}

/// Encodes one result as `[[result], {}]`.
///
/// # Errors
/// [`Code::Internal`] when the value's `Serialize` fails; the cause goes to the log.
pub(crate) fn encode_result<T: Serialize>(value: &T) -> Result<Vec<u8>, RpcError> {
    let mut payload = Vec::with_capacity(64);
    payload.extend_from_slice(b"[[");
    serde_json::to_writer(&mut payload, value).map_err(unencodable)?;
    payload.extend_from_slice(b"], {}]");
    Ok(payload)
}

/// Words a result that cannot be written as JSON.
pub(crate) fn unencodable(error: Error) -> RpcError {
    RpcError::new(Code::Internal, "the result could not be encoded").with_source(error)
}

fn walk<'de, S: Slots<'de>>(payload: &'de [u8], binder: &mut Binder<S>) -> Result<(), Error> {
    if payload.iter().all(u8::is_ascii_whitespace) {
        return Ok(());
    }
    let mut deserializer = Deserializer::from_slice(payload);
    deserializer.deserialize_any(binder)?;
    deserializer.end()
}

/// Turns the first thing that went wrong into what the caller reads.
fn explain<'de, S: Slots<'de>>(
    payload: &'de [u8],
    parameters: &'static [Parameter],
    error: &Error,
    failure: Option<Failure>,
) -> RpcError {
    // What is not JSON at all is reported as that, wherever the decoder stood when it noticed.
    if !error.is_data() {
        return malformed(error);
    }
    match failure {
        Some(Failure::Arguments(error)) => error,
        Some(Failure::Value { .. }) => explain_value::<S>(payload, parameters, error),
        Some(Failure::Envelope) | None => bad_envelope(payload, has_secrets(parameters)),
    }
}

/// Walks the payload once more, following paths, to say where in an argument the mistake is.
fn explain_value<'de, S: Slots<'de>>(
    payload: &'de [u8],
    parameters: &'static [Parameter],
    first: &Error,
) -> RpcError {
    let mut binder = Binder::<S>::new(parameters, true);
    let second = walk(payload, &mut binder);
    let reason = without_position(second.as_ref().err().unwrap_or(first));
    match binder.take_failure() {
        Some(Failure::Value {
            parameter,
            sensitive: true,
            ..
        }) => {
            let details = json!({ "parameter": parameter, "path": parameter });
            RpcError::invalid_argument(without_value(&parameter, &reason)).with_details(details)
        }
        Some(Failure::Value {
            parameter, path, ..
        }) => {
            let quiet = without_value(&parameter, &reason);
            let path = match path.as_str() {
                "" | "." => parameter.clone(),
                index if index.starts_with('[') => format!("{parameter}{index}"),
                path => format!("{parameter}.{path}"),
            };
            RpcError::invalid_argument(format!("argument `{path}`: {reason}"))
                .with_details(json!({ "parameter": parameter, "path": path }))
                .logged_as(quiet)
        }
        _ => RpcError::invalid_argument("the arguments do not fit the signature"),
    }
}

fn has_secrets(parameters: &[Parameter]) -> bool {
    parameters.iter().any(|parameter| parameter.sensitive)
}

/// Says what was expected of a parameter and nothing of what came.
///
/// The decoder quotes the value, and a type that decodes itself may say anything of it. So only what
/// the type says of itself is kept, which in the decoder's own texts comes last.
fn without_value(parameter: &str, reason: &str) -> String {
    const QUOTING: [&str; 5] = [
        "invalid type: ",
        "invalid value: ",
        "invalid length ",
        "unknown variant `",
        "unknown field `",
    ];
    let expected = QUOTING
        .iter()
        .any(|start| reason.starts_with(start))
        .then(|| reason.rsplit_once(", expected "));
    match expected.flatten() {
        Some((_, expected)) => format!("argument `{parameter}`: expected {expected}"),
        None => format!("argument `{parameter}` does not fit its type"),
    }
}

fn without_position(error: &Error) -> String {
    let text = error.to_string();
    match text.rfind(" at line ") {
        Some(position) => text[..position].to_owned(),
        None => text,
    }
}

/// Says what was expected and, when one can tell and nothing of it is a secret, what was meant.
fn bad_envelope(payload: &[u8], has_secrets: bool) -> RpcError {
    // A tree of values is many times larger than its text, so a hint is for short payloads only.
    const LONGEST_HINT: usize = 200;
    const LONGEST_READ: usize = 1024;
    const EXPECTED: &str = "expected `[args, kwargs]`: a list of positional arguments, then an object of keyword arguments";
    let generic = || RpcError::new(Code::BadEnvelope, EXPECTED);
    if payload.len() > LONGEST_READ || has_secrets {
        return match serde_json::from_slice::<IgnoredAny>(payload) {
            Ok(_) => generic(),
            Err(error) => malformed(&error),
        };
    }
    let meant = match serde_json::from_slice::<Value>(payload) {
        Err(error) => return malformed(&error),
        Ok(Value::Array(items)) => match items.as_slice() {
            [args @ Value::Array(_), kwargs @ Value::Object(_), ..] => {
                format!("[{args}, {kwargs}]")
            }
            [args @ Value::Array(_), ..] => format!("[{args}, {{}}]"),
            items => format!("[{}, {{}}]", Value::from(items)),
        },
        Ok(scalar) => format!("[[{scalar}], {{}}]"),
    };
    match meant.len() <= LONGEST_HINT {
        true => {
            let text = format!("expected `[args, kwargs]`; did you mean `{meant}`?");
            RpcError::new(Code::BadEnvelope, text).logged_as(EXPECTED)
        }
        false => generic(),
    }
}

fn malformed(error: &Error) -> RpcError {
    RpcError::new(
        Code::MalformedJson,
        format!("the body is not JSON: {error}"),
    )
}

/// Refuses an object that holds one key twice. The binder has seen the keywords' own object, and
/// most calls have no other, so most calls pay for counting braces only.
fn unique_keys_below(
    payload: &[u8],
    parameters: &[Parameter],
    saw_keywords: bool,
) -> Result<(), RpcError> {
    let objects = memchr::memchr_iter(b'{', payload).count();
    if objects <= usize::from(saw_keywords) {
        return Ok(());
    }
    serde_json::from_slice::<UniqueKeys>(payload)
        .map(drop)
        .map_err(|error| {
            // A key of a value is a part of it.
            let quiet = "a key occurs twice in one object";
            let text = match has_secrets(parameters) {
                true => quiet.to_owned(),
                false => without_position(&error),
            };
            RpcError::invalid_argument(text).logged_as(quiet)
        })
}

/// Reads any document and keeps nothing of it; fails at a key that its object has already.
struct UniqueKeys;

impl<'de> Deserialize<'de> for UniqueKeys {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Self)
    }
}

impl<'de> Visitor<'de> for UniqueKeys {
    type Value = Self;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self, A::Error> {
        while seq.next_element::<Self>()?.is_some() {}
        Ok(self)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self, A::Error> {
        let mut keys = HashSet::new();
        while let Some(key) = map.next_key::<String>()? {
            map.next_value::<Self>()?;
            if let Some(key) = keys.replace(key) {
                return Err(serde::de::Error::custom(format!(
                    "key `{key}` occurs twice in one object"
                )));
            }
        }
        Ok(self)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_str<E>(self, _: &str) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_unit<E>(self) -> Result<Self, E> {
        Ok(self)
    }
}
