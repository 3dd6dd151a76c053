//! Borrowed parameters: text and bytes that borrow from the message whenever they can.

use std::borrow::Cow;
use std::fmt;
use std::ops::Deref;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserialize, Deserializer, Error, Visitor};

/// Text of a `&str` or `Cow<str>` parameter.
///
/// A JSON string with escapes cannot be borrowed and must work all the same, and serde's own `Cow`
/// always allocates, so text goes through this type: borrowed from the message, or owned.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Text<'de>(pub Cow<'de, str>);

impl Deref for Text<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl<'de> Deserialize<'de> for Text<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TextVisitor;
        impl<'de> Visitor<'de> for TextVisitor {
            type Value = Text<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Text(Cow::Borrowed(text)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }

            fn visit_string<E>(self, text: String) -> Result<Self::Value, E> {
                Ok(Text(Cow::Owned(text)))
            }
        }
        deserializer.deserialize_str(TextVisitor)
    }
}

impl JsonSchema for Text<'_> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Text".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string" })
    }
}

/// Bytes of a `&[u8]` parameter: base64 text where the codec has no bytes of its own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Blob<'de>(pub Cow<'de, [u8]>);

impl Deref for Blob<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl<'de> Deserialize<'de> for Blob<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct BlobVisitor;
        impl<'de> Visitor<'de> for BlobVisitor {
            type Value = Blob<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("bytes as base64 text")
            }

            fn visit_borrowed_bytes<E>(self, bytes: &'de [u8]) -> Result<Self::Value, E> {
                Ok(Blob(Cow::Borrowed(bytes)))
            }

            fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Self::Value, E> {
                Ok(Blob(Cow::Owned(bytes.to_owned())))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
                match STANDARD.decode(text) {
                    Ok(bytes) => Ok(Blob(Cow::Owned(bytes))),
                    Err(error) => {
                        let error = error.to_string();
                        Err(E::custom(format!(
                            "invalid base64: {}",
                            error.trim_end_matches('.')
                        )))
                    }
                }
            }
        }
        match deserializer.is_human_readable() {
            true => deserializer.deserialize_str(BlobVisitor),
            false => deserializer.deserialize_bytes(BlobVisitor),
        }
    }
}

impl JsonSchema for Blob<'_> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Blob".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "contentEncoding": "base64" })
    }
}

/// A type whose default can be written as text.
#[diagnostic::on_unimplemented(
    message = "the default of a `{Self}` cannot be written as text",
    label = "expected a value of type `{Self}`"
)]
pub trait FromText: Sized {
    /// Converts the text.
    fn convert(text: &'static str) -> Self;
}

#[diagnostic::do_not_recommend]
impl<T: From<&'static str>> FromText for T {
    fn convert(text: &'static str) -> Self {
        text.into()
    }
}

/// Returns the default that is written as text.
pub fn from_text<T: FromText>(text: &'static str) -> T {
    T::convert(text)
}
