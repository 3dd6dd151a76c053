//! How a message's payload becomes arguments: every row of the wire contract's table and each of
//! its binding rules, on services that `#[rpc]` makes. One line a case;
//! `UPDATE_EXPECT=1` writes the answers.
#![allow(missing_docs)]

use std::borrow::Cow;
use std::sync::Arc;

use expect_test::{Expect, expect};
use rpc_core::prelude::*;
use rpc_core::testing;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

struct Binding;

#[derive(Deserialize)]
struct Order<'a> {
    #[serde(borrow)]
    buyer: Cow<'a, str>,
    items: Vec<Item>,
}

#[derive(Deserialize)]
struct Item {
    count: u8,
}

#[rpc]
impl Binding {
    #[rpc]
    async fn hello(&self, first_name: &str, #[rpc(default)] last_name: &str) -> String {
        format!("Hello, {first_name} {last_name}").trim().to_owned()
    }

    #[rpc]
    async fn nothing(&self) {}

    #[rpc]
    async fn optional(
        &self,
        a: Option<u8>,
        b: u8,
        #[rpc(default = Some(7))] c: Option<u8>,
    ) -> Value {
        json!([a, b, c])
    }

    #[rpc]
    async fn defaults(
        &self,
        #[rpc(default = "a")] a: &str,
        #[rpc(default = "b")] b: String,
        #[rpc(default = "c")] c: Cow<'_, str>,
        #[rpc(default = 20)] d: u64,
        #[rpc(default = "e")] e: Option<&str>,
    ) -> Value {
        json!([a, b, c, d, e])
    }

    #[rpc]
    async fn rest(
        &self,
        first: u8,
        #[rpc(args)] rest: Vec<u8>,
        sep: Option<&str>,
        #[rpc(kwargs)] extra: Map<String, Value>,
    ) -> Value {
        json!([first, rest, sep, extra])
    }

    #[rpc]
    async fn keyword(&self, a: u8, #[rpc(keyword)] b: u8) -> u8 {
        a - b
    }

    #[rpc]
    async fn renamed(&self, #[rpc(rename = "from")] sender: &str, r#type: &str) -> String {
        [sender, r#type].join(" ")
    }

    #[rpc]
    async fn order(&self, order: &Order<'_>) -> Value {
        let counts: Vec<_> = order.items.iter().map(|item| item.count).collect();
        json!([order.buyer, counts])
    }

    #[rpc]
    async fn borrowed(&self, message: &Context, text: &str, cow: Cow<'_, str>) -> Value {
        _ = message.request_id();
        json!([text, matches!(cow, Cow::Borrowed(_))])
    }

    #[rpc]
    async fn bytes(&self, bytes: &[u8], #[rpc(default = b"none")] more: Cow<'_, [u8]>) -> Value {
        json!([bytes, more])
    }

    #[rpc]
    async fn raw(&self, raw: &RawValue, list: Option<Vec<&RawValue>>) -> String {
        format!("{raw} {}", list.map_or(0, |list| list.len()))
    }

    #[rpc]
    async fn lent(&self, names: &[String], pair: &(u8, bool)) -> Value {
        json!([names, pair])
    }

    #[rpc]
    async fn any(&self, value: Value) -> Value {
        value
    }
}

/// Calls a method: the reply as it travels, or the error.
async fn call(method: &str, payload: &str) -> String {
    match testing::call_raw(&Arc::new(Binding), method, payload.to_owned()).await {
        Ok(reply) => String::from_utf8_lossy(&reply.payload).into_owned(),
        Err(error) => format!("{} {error}", error.status()),
    }
}

/// Makes the call at the left of each line, and compares what it answers to the right.
async fn check(table: Expect) {
    let mut answers = String::new();
    let lines = table.data().lines().map(str::trim);
    for line in lines.filter(|line| !line.is_empty()) {
        let request = line.split(" → ").next().unwrap_or(line).trim();
        let (method, payload) = request.split_once(' ').unwrap_or((request, ""));
        let answer = call(method, payload).await;
        answers += &format!("{request} → {answer}\n");
    }
    table.assert_eq(&answers);
}

#[tokio::test]
async fn payloads_are_calls_as_python_makes_them() {
    check(expect![[r#"
        nothing → [[], {}]
        nothing null → [[], {}]
        nothing [] → [[], {}]
        nothing [[]] → [[], {}]
        nothing [[], {}] → [[], {}]
        nothing {} → [[], {}]
        hello [["Bob"]] → [["Hello, Bob"], {}]
        hello [["Bob"], {"last_name": "Ross"}] → [["Hello, Bob Ross"], {}]
        hello [[], {"first_name": "Bob"}] → [["Hello, Bob"], {}]
        hello {"first_name": "Bob"} → [["Hello, Bob"], {}]
        hello [ [ "Bob" ] ] → [["Hello, Bob"], {}]
    "#]])
    .await;
    assert_eq!(call("nothing", " \n").await, "[[], {}]");
}

#[tokio::test]
async fn anything_else_is_a_bad_envelope_and_says_what_was_meant() {
    check(expect![[r#"
        hello ["Bob"] → 400 bad_envelope: expected `[args, kwargs]`; did you mean `[["Bob"], {}]`?
        hello "Bob" → 400 bad_envelope: expected `[args, kwargs]`; did you mean `[["Bob"], {}]`?
        hello 5 → 400 bad_envelope: expected `[args, kwargs]`; did you mean `[[5], {}]`?
        hello true → 400 bad_envelope: expected `[args, kwargs]`; did you mean `[[true], {}]`?
        hello [["Bob"], {}, 3] → 400 bad_envelope: expected `[args, kwargs]`; did you mean `[["Bob"], {}]`?
        hello [["Bob"], null] → 400 bad_envelope: expected `[args, kwargs]`; did you mean `[["Bob"], {}]`?
        hello [{"first_name": "Bob"}] → 400 bad_envelope: expected `[args, kwargs]`; did you mean `[[{"first_name":"Bob"}], {}]`?
        hello [["Bob"] → 400 malformed_json: the body is not JSON: EOF while parsing a list at line 1 column 8
        hello [["Bob"]] x → 400 malformed_json: the body is not JSON: trailing characters at line 1 column 11
        hello Bob → 400 malformed_json: the body is not JSON: expected value at line 1 column 1
    "#]])
    .await;
}

#[tokio::test]
async fn positionals_fill_in_order_and_keywords_by_name() {
    check(expect![[r#"
        hello [["Bob", "Ross"]] → [["Hello, Bob Ross"], {}]
        hello [[], {"last_name": "Ross", "first_name": "Bob"}] → [["Hello, Bob Ross"], {}]
        hello [["Bob"], {"first_name": "Rob"}] → 422 invalid_argument: argument `first_name` is given twice
        hello {"first_name": "Bob", "first_name": "Rob"} → 422 invalid_argument: argument `first_name` is given twice
        hello [["Bob"], {"lastname": "Ross"}] → 422 invalid_argument: unknown argument `lastname`, did you mean `last_name`?
        hello [["Bob"], {"colour": "red"}] → 422 invalid_argument: unknown argument `colour`, expected one of: `first_name`, `last_name`
        nothing {"colour": "red"} → 422 invalid_argument: unknown argument `colour`, the method takes no keyword arguments
        hello [["Bob", "Ross", "Jr"]] → 422 invalid_argument: expected at most 2 positional arguments (`first_name`, `last_name`), got 3
        nothing [[1, 2]] → 422 invalid_argument: expected no positional arguments, got 2
        hello → 422 invalid_argument: missing argument `first_name`
        hello {"last_name": "Ross"} → 422 invalid_argument: missing argument `first_name`
    "#]])
    .await;
}

#[tokio::test]
async fn absent_arguments_take_their_default_and_options_are_none() {
    check(expect![[r#"
        optional [[], {"b": 1}] → [[[null,1,7]], {}]
        optional [[null, 1, null]] → [[[null,1,null]], {}]
        optional [[1, 2, 3]] → [[[1,2,3]], {}]
        optional [[1]] → 422 invalid_argument: missing argument `b`
        defaults → [[["a","b","c",20,"e"]], {}]
        defaults [["1", "2", "3", 4, "5"]] → [[["1","2","3",4,"5"]], {}]
        defaults {"d": 1, "e": null} → [[["a","b","c",1,null]], {}]
        defaults [[null]] → 422 invalid_argument: argument `a`: invalid type: null, expected a string
    "#]])
    .await;
}

#[tokio::test]
async fn args_and_kwargs_collect_the_rest() {
    check(expect![[r#"
        rest [[1]] → [[[1,[],null,{}]], {}]
        rest [[1, 2, 3], {"sep": "-", "x": 1, "y": [2]}] → [[[1,[2,3],"-",{"x":1,"y":[2]}]], {}]
        rest {"first": 1, "rest": [2]} → [[[1,[],null,{"rest":[2]}]], {}]
        rest [[1, 2, "x"]] → 422 invalid_argument: argument `rest[1]`: invalid type: string "x", expected u8
        rest [[1], {"x": 1, "x": 2}] → 422 invalid_argument: argument `x` is given twice
        rest [[1], {"first": 1}] → 422 invalid_argument: argument `first` is given twice
    "#]])
    .await;
}

#[tokio::test]
async fn keyword_only_and_renamed_parameters() {
    check(expect![[r#"
        keyword [[3], {"b": 1}] → [[2], {}]
        keyword [[3, 1]] → 422 invalid_argument: expected at most 1 positional argument (`a`), got 2
        keyword [[3]] → 422 invalid_argument: missing argument `b`
        renamed [["me", "it"]] → [["me it"], {}]
        renamed {"from": "me", "type": "it"} → [["me it"], {}]
        renamed {"sender": "me", "type": "it"} → 422 invalid_argument: unknown argument `sender`, expected one of: `from`, `type`
    "#]])
    .await;
}

#[tokio::test]
async fn a_wrong_type_is_named_with_the_path_to_it() {
    check(expect![[r#"
        hello [[5]] → 422 invalid_argument: argument `first_name`: invalid type: integer `5`, expected a string
        keyword [[300], {"b": 1}] → 422 invalid_argument: argument `a`: invalid value: integer `300`, expected u8
        order [[{"buyer": "B\u00e9a", "items": [{"count": 1}, {"count": 2}]}]] → [[["Béa",[1,2]]], {}]
        order [[{"buyer": "Bea", "items": [{"count": 1}, {"count": "x"}]}]] → 422 invalid_argument: argument `order.items[1].count`: invalid type: string "x", expected u8
        order {"order": {"buyer": "Bea", "items": [{}]}} → 422 invalid_argument: argument `order.items[0]`: missing field `count`
        lent [[["a", 1], [1, true]]] → 422 invalid_argument: argument `names[1]`: invalid type: integer `1`, expected a string
        lent [[["a", "b"], [1, true]]] → [[[["a","b"],[1,true]]], {}]
        lent [[["a"], [1]]] → 422 invalid_argument: argument `pair`: invalid length 1, expected a tuple of size 2
    "#]])
    .await;
}

#[tokio::test]
async fn text_and_bytes_borrow_from_the_message_when_they_can() {
    check(expect![[r#"
        borrowed [["plain", "plain"]] → [[["plain",true]], {}]
        borrowed [["B\u00e9\n", "B\u00e9\n"]] → [[["Bé\n",false]], {}]
        bytes [["aGk="]] → [[[[104,105],[110,111,110,101]]], {}]
        bytes [["aGk=", "/w=="]] → [[[[104,105],[255]]], {}]
        bytes [["not base64!"]] → 422 invalid_argument: argument `bytes`: invalid base64: Invalid symbol 32, offset 3
        bytes [[[104, 105]]] → 422 invalid_argument: argument `bytes`: invalid type: sequence, expected bytes as base64 text
        raw [[{"a": [1,  2]}, [1, {}]]] → [["{\"a\": [1,  2]} 2"], {}]
        raw [[1e400]] → [["1e400 0"], {}]
    "#]])
    .await;
}

#[tokio::test]
async fn a_key_is_given_once_and_nesting_has_an_end() {
    check(expect![[r#"
        any [[{"a": {"b": 1, "b": 2}}]] → 422 invalid_argument: key `b` occurs twice in one object
        any [[[{"a": 1}, {"a": 2}]]] → [[[{"a":1},{"a":2}]], {}]
    "#]])
    .await;
    let deep = |depth| format!("[[{}{}]]", "[".repeat(depth), "]".repeat(depth));
    let too_deep =
        "400 malformed_json: the body is not JSON: recursion limit exceeded at line 1 column 128";
    assert!(call("any", &deep(100)).await.starts_with("[[[["));
    assert_eq!(call("any", &deep(200)).await, too_deep);
    assert_eq!(call("any", &"[".repeat(100_000)).await, too_deep);
}
