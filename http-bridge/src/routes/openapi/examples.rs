//! Examples from doc comments: the first block of JSON is a request, the second its result.
//!
//! ````text
//! ```json
//! {"name": "Bob"}
//! ```
//! ````

use serde_json::Value;

/// What a doc comment shows.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Examples {
    pub(super) request: Option<Value>,
    pub(super) result: Option<Value>,
}

impl Examples {
    /// Reads the blocks that are marked as JSON, and are.
    pub(super) fn of(doc: &str) -> Self {
        let mut blocks = blocks(doc);
        Self {
            request: blocks.next(),
            result: blocks.next(),
        }
    }
}

fn blocks(doc: &str) -> impl Iterator<Item = Value> {
    let mut lines = doc.lines();
    std::iter::from_fn(move || {
        lines.find(|line| line.trim() == "```json")?;
        let inside = lines.by_ref().take_while(|line| line.trim() != "```");
        let text: Vec<_> = inside.collect();
        Some(serde_json::from_str(&text.join("\n")).ok())
    })
    .flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn blocks_of_json_are_request_and_result() {
        let doc =
            "Says hello.\n\n```json\n{\"name\":\n \"Bob\"}\n```\nanswers\n```json\n\"Hello\"\n```";
        let expected = Examples {
            request: Some(json!({ "name": "Bob" })),
            result: Some(json!("Hello")),
        };
        assert_eq!(Examples::of(doc), expected);
        for without in [
            "",
            "Says hello.",
            "```\n1\n```",
            "```json\nnot json\n```",
            "```json\n",
        ] {
            assert_eq!(Examples::of(without), Examples::default(), "{without}");
        }
    }
}
