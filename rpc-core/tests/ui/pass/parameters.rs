//! Every form of a parameter.
#![deny(warnings)]

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};

use rpc_core::prelude::*;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

#[derive(Default, Deserialize)]
struct Point<'a> {
    #[serde(borrow)]
    label: Cow<'a, str>,
}

type Maybe<T> = Option<T>;

#[derive(Deserialize, serde::Serialize)]
struct K(u8);

struct Forms;

#[rpc]
impl Forms {
    #[rpc]
    async fn none(&self) {}

    #[rpc]
    async fn text(&self, a: &str, b: Cow<'_, str>, c: Option<&str>, d: Option<Cow<'_, str>>, e: String) {
        _ = (a.len(), b.len(), c, d, e);
    }

    #[rpc]
    async fn bytes(&self, a: &[u8], b: Cow<'_, [u8]>, c: Option<&[u8]>) {
        _ = (a.len(), b.len(), c);
    }

    #[rpc]
    async fn lent(&self, a: &Vec<String>, b: &[String], c: &Point<'_>, d: Option<&Point<'_>>, e: &(u8, bool), f: Option<&[u8]>) {
        _ = (a.len(), b.len(), &c.label, d.map(|it| it.label.len()), e, f);
    }

    #[rpc]
    async fn raw(&self, a: &RawValue, b: Option<&RawValue>, c: Vec<&RawValue>) {
        _ = (a.get(), b, c);
    }

    #[rpc]
    async fn borrowed<'a>(&'a self, a: &'a str, b: Point<'a>, c: Option<&'a str>) -> &'a str {
        _ = (b.label, c);
        a
    }

    #[rpc]
    async fn owned(&self, a: Cow<'static, str>, b: Box<str>, #[rpc(default = "c")] c: Cow<'static, str>) {
        _ = (a, b, c);
    }

    #[rpc]
    async fn optional(&self, a: Option<u8>, b: Maybe<u8>, c: core::option::Option<Point<'_>>) {
        _ = (a, b, c);
    }

    #[rpc]
    async fn defaults(
        &self,
        #[rpc(default)] a: &str,
        #[rpc(default = "b")] b: &str,
        #[rpc(default = "c")] c: String,
        #[rpc(default = "d")] d: Cow<'_, str>,
        #[rpc(default = 5)] e: u64,
        #[rpc(default = vec![1])] f: Vec<u8>,
        #[rpc(default = Some(3))] g: Option<u8>,
        #[rpc(default = "h")] h: Option<String>,
        #[rpc(default = "i")] i: Option<&str>,
        #[rpc(default = None)] j: Option<&str>,
        #[rpc(default = b"k")] k: &[u8],
        #[rpc(default)] l: Point<'_>,
        #[rpc(default = Self::page())] m: u32,
        #[rpc(default = n())] n: u32,
        #[rpc(default = vec![2])] o: &[u16],
        #[rpc(default = Point { label: "p".into() })] p: &Point<'_>,
        #[rpc(default = -1)] q: i8,
        #[rpc(default = "r")] r: Box<str>,
        #[rpc(default = format!("{}", 1))] s: &str,
    ) {
        _ = (a, b, c, d, e, f, g, h, i, j, k, l, m, n, o);
        _ = (p.label.len(), q, r, s);
    }

    #[rpc]
    async fn rest(&self, a: u8, #[rpc(args)] rest: Vec<Value>, b: u8, #[rpc(kwargs)] extra: Map<String, Value>) {
        _ = (a, rest, b, extra);
    }

    #[rpc]
    async fn lent_rest(&self, #[rpc(args)] rest: &[u8], #[rpc(kwargs)] extra: &HashMap<String, u8>) {
        _ = (rest, extra);
    }

    #[rpc]
    async fn ordered(&self, #[rpc(kwargs)] extra: BTreeMap<String, u8>) {
        _ = extra;
    }

    #[rpc]
    async fn names(&self, r#type: u8, #[rpc(rename = "from")] sender: &str, mut count: u8, #[rpc(keyword)] only: u8) {
        count += 1;
        _ = (r#type, sender, count, only);
    }

    // The names of the expansion's own variables.
    #[rpc]
    async fn own_names(&self, service: u8, context: u8, payload: u8, result: u8, value: u8, call: Option<K>) {
        _ = (service, context, payload, result, value, call.map(|K(inner)| inner));
    }

    #[rpc]
    async fn context(&self, context: &Context, a: u8, again: &rpc_core::Context) {
        _ = (context.request_id(), a, again);
    }

    #[rpc]
    async fn typed_self(self: &Self, a: u8) -> u8 {
        a
    }

    fn page() -> u32 {
        20
    }
}

fn n() -> u32 {
    1
}

fn main() {
    assert_eq!(Forms::endpoints().len(), 16);
}
