//! Any bytes as the payload of a call, and any headers: one reply, and no panic.
//!
//! ```console
//! $ make fuzz                      # a minute
//! $ FUZZ_SECONDS=3600 make fuzz    # an hour
//! ```

#![no_main]

use std::borrow::Cow;
use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::sync::Arc;

use libfuzzer_sys::arbitrary::{self, Arbitrary};
use libfuzzer_sys::fuzz_target;
use rpc_core::prelude::*;
use rpc_core::protocol::{Headers, headers};
use rpc_core::testing::call_with_headers;
use serde_json::{Map, Value};
use tokio::runtime::{Builder, Runtime};

/// What may come as a message.
#[derive(Arbitrary, Debug)]
struct Message<'a> {
    method: Method,
    headers: Vec<(Name<'a>, &'a str)>,
    /// Last, so that it gets the bytes that are left.
    payload: &'a [u8],
}

#[derive(Arbitrary, Debug)]
enum Method {
    Texts,
    Numbers,
    Lists,
    Rest,
}

/// The headers that mean something, and others.
#[derive(Arbitrary, Debug)]
enum Name<'a> {
    Timeout,
    RequestId,
    ContentType,
    Depth,
    Other(&'a str),
}

#[derive(Default)]
struct Target;

/// Between them the methods take their arguments in every way there is.
#[rpc(name = "target")]
impl Target {
    #[rpc]
    async fn texts(&self, a: &str, b: Cow<'_, str>, #[rpc(default)] c: &[u8]) -> usize {
        a.len() + b.len() + c.len()
    }

    #[rpc]
    async fn numbers(&self, a: i64, b: Option<f64>, #[rpc(keyword, default)] c: u8) -> f64 {
        a as f64 + b.unwrap_or_default() + f64::from(c)
    }

    #[rpc]
    async fn lists(&self, a: Vec<u16>, b: BTreeMap<String, Option<bool>>, c: Value) -> Value {
        serde_json::json!([a, b, c])
    }

    #[rpc]
    async fn rest(
        &self,
        context: &Context,
        #[rpc(args)] a: Vec<Value>,
        #[rpc(kwargs)] b: Map<String, Value>,
    ) -> Value {
        serde_json::json!([a, b, context.depth(), context.request_id()])
    }
}

impl Method {
    fn name(&self) -> &'static str {
        match self {
            Self::Texts => "texts",
            Self::Numbers => "numbers",
            Self::Lists => "lists",
            Self::Rest => "rest",
        }
    }
}

impl Name<'_> {
    fn text(&self) -> &str {
        match self {
            Self::Timeout => headers::TIMEOUT,
            Self::RequestId => headers::REQUEST_ID,
            Self::ContentType => headers::CONTENT_TYPE,
            Self::Depth => headers::DEPTH,
            Self::Other(name) => name,
        }
    }
}

thread_local! {
    /// A new one for each input would be most of the work.
    static RUNTIME: OnceCell<Runtime> = const { OnceCell::new() };
}

fuzz_target!(|message: Message<'_>| {
    let mut sent = Headers::new();
    for (name, value) in &message.headers {
        // What cannot be sent is left out, as it is when it comes.
        sent.insert(name.text(), *value);
    }
    let payload = message.payload.to_vec();
    let service = Arc::new(Target);
    let reply = RUNTIME.with(|runtime| {
        let runtime = runtime.get_or_init(|| {
            let built = Builder::new_current_thread().enable_time().build();
            built.expect("a runtime starts")
        });
        runtime.block_on(call_with_headers(
            &service,
            message.method.name(),
            sent,
            payload,
        ))
    });
    match reply {
        Ok(reply) => {
            let results =
                serde_json::from_slice::<(Vec<Value>, Map<String, Value>)>(&reply.payload);
            results.expect("a reply is `[results, keywords]`");
        }
        Err(error) => {
            assert!((400..600).contains(&error.status()), "{error}");
            // A panic is answered too, so its answer is what tells.
            assert_ne!(error.code(), "internal", "{error}");
        }
    }
});
