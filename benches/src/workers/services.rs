//! The services: ours, and what one writes by hand on async-nats.

use async_nats::{Client, Message};
use bytes::Bytes;
use clap::ValueEnum;
use examples::greeting_service::GreetingService;
use futures_util::StreamExt as _;
use rpc_core::middleware::{Layer, Request, RpcService};
use rpc_core::protocol::WireReply;
use rpc_core::{Config, Runner};

use super::{Failure, control};
use crate::contenders::{REPLY, REQUEST, SUBJECT};

/// What answers the calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Responder {
    /// async-nats, replying from the loop that reads.
    Inline,
    /// async-nats, with a task for each message.
    Spawning,
    /// Ours: the sample service on a `Runner`.
    Rpc,
    /// The same with a layer around it that does nothing.
    RpcLayered,
}

impl Responder {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Inline => "inline",
            Self::Spawning => "spawning",
            Self::Rpc => "rpc",
            Self::RpcLayered => "rpc-layered",
        }
    }
}

/// Serves until the process ends.
pub(crate) async fn serve(responder: Responder, nats: &str) -> Result<(), Failure> {
    match responder {
        Responder::Rpc | Responder::RpcLayered => {
            let mut runner = Runner::new(Config::new(nats)).service(GreetingService);
            if responder == Responder::RpcLayered {
                runner = runner.layer(NothingLayer);
            }
            let _running = runner.start().await?;
            control::ready_until_told("");
            std::future::pending().await
        }
        Responder::Inline | Responder::Spawning => serve_raw(responder, nats).await,
    }
}

async fn serve_raw(responder: Responder, nats: &str) -> Result<(), Failure> {
    let client = async_nats::connect(nats).await?;
    // The group ours uses, so that the server does the same work.
    let mut requests = client.queue_subscribe(SUBJECT, "q".to_owned()).await?;
    let replies = client.clone();
    // On a task, where a multi-thread runtime is quicker than in `block_on`: the harder opponent.
    let serving = tokio::spawn(async move {
        while let Some(request) = requests.next().await {
            match responder {
                Responder::Spawning => {
                    let replies = replies.clone();
                    tokio::spawn(async move { reply(&replies, request).await });
                }
                _ => reply(&replies, request).await,
            }
        }
    });
    // Only an answer proves that the server knows of the subscription.
    client.request(SUBJECT, Bytes::from_static(REQUEST)).await?;
    control::ready_until_told("");
    Ok(serving.await?)
}

async fn reply(client: &Client, request: Message) {
    if let Some(inbox) = request.reply {
        // A connection that broke fails the callers, which is where it is told.
        let _ = client.publish(inbox, Bytes::from_static(REPLY)).await;
    }
}

/// What a layer costs that does nothing.
struct NothingLayer;

struct Nothing<S>(S);

impl<S> Layer<S> for NothingLayer {
    type Service = Nothing<S>;

    fn layer(&self, inner: S) -> Nothing<S> {
        Nothing(inner)
    }
}

impl<S: RpcService> RpcService for Nothing<S> {
    type Error = S::Error;

    async fn call(&self, request: Request) -> Result<WireReply, S::Error> {
        self.0.call(request).await
    }
}
