//! Reading a request's body: bounded in size and in time.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};
use rpc_core::protocol::Outcome;
use rpc_core::{Code, RpcError};
use tokio::time::{Instant, Sleep, sleep_until};

use crate::problem::Problem;
use crate::status::Refusal;

/// Returns the whole body, if it has at most `limit` bytes and comes before `deadline`.
///
/// A body that comes in one piece, as most do, is not copied.
pub(crate) async fn read(
    body: Incoming,
    limit: usize,
    deadline: Instant,
) -> Result<Bytes, Problem> {
    // What is announced to be too large is refused before any of it is read.
    if body.size_hint().lower() > limit as u64 {
        return Err(too_large(body.size_hint().lower(), limit));
    }
    let mut whole = pin!(collect(body, limit));
    let mut late = Lateness::NotYet;
    poll_fn(|cx| match whole.as_mut().poll(cx) {
        Poll::Pending if late.poll(cx, deadline).is_ready() => Poll::Ready(Err(Problem::refused(
            Refusal::RequestTimeout,
            "the body did not arrive in time",
        )
        .closing())),
        other => other,
    })
    .await
}

/// A timer that is set only for bodies that are really late.
enum Lateness {
    NotYet,
    AskedAgain,
    Waiting(Pin<Box<Sleep>>),
}

impl Lateness {
    fn poll(&mut self, cx: &mut Context<'_>, deadline: Instant) -> Poll<()> {
        match self {
            // hyper hands a body over only after it was asked for, so the first look is always in
            // vain. One more look, without a timer, finds a body that came with its head.
            Self::NotYet => {
                *self = Self::AskedAgain;
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            Self::AskedAgain => {
                *self = Self::Waiting(Box::pin(sleep_until(deadline)));
                self.poll(cx, deadline)
            }
            Self::Waiting(sleep) => sleep.as_mut().poll(cx),
        }
    }
}

async fn collect(mut body: Incoming, limit: usize) -> Result<Bytes, Problem> {
    let Some(first) = next(&mut body).await? else {
        return Ok(Bytes::new());
    };
    check(first.len(), limit)?;
    if body.is_end_stream() {
        return Ok(first);
    }
    let Some(second) = next(&mut body).await? else {
        return Ok(first);
    };
    let mut whole = BytesMut::from(first);
    let mut more = Some(second);
    while let Some(data) = more {
        check(whole.len() + data.len(), limit)?;
        whole.extend_from_slice(&data);
        more = next(&mut body).await?;
    }
    Ok(whole.freeze())
}

/// Returns the next piece; trailers say nothing about a call and are dropped.
async fn next(body: &mut Incoming) -> Result<Option<Bytes>, Problem> {
    while let Some(frame) = body.frame().await {
        match frame {
            Ok(frame) => {
                if let Ok(data) = frame.into_data() {
                    return Ok(Some(data));
                }
            }
            // The cause may quote what was sent; that it is broken is all there is to say.
            Err(_) => {
                return Err(Problem::refused(
                    Refusal::BadRequest,
                    "the body ended early or its chunks are malformed",
                )
                .closing());
            }
        }
    }
    Ok(None)
}

fn check(size: usize, limit: usize) -> Result<(), Problem> {
    match size <= limit {
        true => Ok(()),
        false => Err(too_large(size as u64, limit)),
    }
}

fn too_large(size: u64, limit: usize) -> Problem {
    let text = format!("the body has {size} bytes or more, at most {limit} are taken");
    Problem::from(RpcError::new(Code::PayloadTooLarge, text).with_outcome(Outcome::NotSent))
        .closing()
}
