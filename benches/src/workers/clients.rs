//! The clients: they make the load and say what it came to.

use std::io::stdin;
use std::time::Duration;

use bytes::Bytes;
use clap::ValueEnum;
use rpc_core::Config;
use rpc_core::protocol::Headers;
use tokio::runtime::Runtime;

use super::http::Http;
use super::{Failure, control};
use crate::contenders::{REPLY, REQUEST, SUBJECT};
use crate::load::{self, Call};

/// How calls are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Caller {
    /// `async_nats::Client::request`
    Raw,
    /// `rpc_core::Client::call`, with arguments to encode and a result to decode.
    Typed,
    /// `rpc_core::Client::request`, bytes in and out.
    Bytes,
    /// HTTP/1.1 with keep-alive.
    Http,
}

impl Caller {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Raw => "raw",
            Self::Typed => "typed",
            Self::Bytes => "bytes",
            Self::Http => "http",
        }
    }
}

/// Answers each line `<in flight> <warm-up ms> <ms>` with the load as JSON.
pub(crate) fn answer(caller: Caller, runtime: &Runtime, address: &str) -> Result<(), Failure> {
    match caller {
        Caller::Raw => {
            let client = runtime.block_on(async_nats::connect(address))?;
            answer_with(runtime, |count| {
                Ok((0..count).map(|_| Raw(client.clone())).collect())
            })
        }
        Caller::Typed => {
            let client = runtime.block_on(rpc_core::Client::connect(Config::new(address)))?;
            answer_with(runtime, |count| {
                Ok((0..count).map(|_| Typed(client.clone())).collect())
            })
        }
        Caller::Bytes => {
            let client = runtime.block_on(rpc_core::Client::connect(Config::new(address)))?;
            answer_with(runtime, |count| {
                Ok((0..count).map(|_| Undecoded(client.clone())).collect())
            })
        }
        Caller::Http => answer_with(runtime, |count| {
            (0..count)
                .map(|_| Ok(runtime.block_on(Http::connect(address))?))
                .collect()
        }),
    }
}

fn answer_with<C: Call>(
    runtime: &Runtime,
    callers: impl Fn(usize) -> Result<Vec<C>, Failure>,
) -> Result<(), Failure> {
    control::ready("");
    let mut questions = stdin().lines().map_while(Result::ok);
    while let Some(line) = questions.next() {
        let mut words = line.split(' ').map(str::parse::<u64>);
        let (Some(Ok(count)), Some(Ok(warm_up)), Some(Ok(millis))) =
            (words.next(), words.next(), words.next())
        else {
            return Err(format!("expected three numbers, got {line:?}").into());
        };
        let callers = callers(usize::try_from(count)?)?;
        let (callers, _) = runtime.block_on(load::run(callers, Duration::from_millis(warm_up)));
        // Whoever watches the other processes looks at their CPU time now.
        control::say("warm");
        if questions.next().is_none() {
            break;
        }
        let (_, load) = runtime.block_on(load::run(callers, Duration::from_millis(millis)));
        control::say(&serde_json::to_string(&load)?);
    }
    Ok(())
}

/// Bytes over async-nats.
struct Raw(async_nats::Client);

impl Call for Raw {
    async fn call(&mut self) -> Result<(), String> {
        match self.0.request(SUBJECT, Bytes::from_static(REQUEST)).await {
            Ok(reply) if reply.payload == REPLY => Ok(()),
            Ok(reply) => Err(String::from_utf8_lossy(&reply.payload).into_owned()),
            Err(error) => Err(error.to_string()),
        }
    }
}

/// A call as users of the library write it.
struct Typed(rpc_core::Client);

impl Call for Typed {
    async fn call(&mut self) -> Result<(), String> {
        let call = self.0.call::<String>(SUBJECT);
        match call.arg("Bob").kwarg("last_name", "Ross").await {
            Ok(text) if text == "Hello, Bob Ross" => Ok(()),
            Ok(text) => Err(text),
            Err(error) => Err(error.to_string()),
        }
    }
}

/// Bytes through the library.
struct Undecoded(rpc_core::Client);

impl Call for Undecoded {
    async fn call(&mut self) -> Result<(), String> {
        const TIMEOUT: Duration = Duration::from_secs(30);
        let payload = Bytes::from_static(REQUEST);
        let call = self.0.request(SUBJECT, Headers::new(), payload, TIMEOUT);
        match call.await {
            Ok(reply) if reply.payload == REPLY => Ok(()),
            Ok(reply) => Err(String::from_utf8_lossy(&reply.payload).into_owned()),
            Err(error) => Err(error.to_string()),
        }
    }
}
