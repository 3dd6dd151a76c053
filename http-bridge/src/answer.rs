//! The body of an answer, which keeps its request under way until it is handed over.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::FutureExt as _;
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Body, Frame, SizeHint};

use crate::pulse::Busy;

/// Bytes, and the request they answer.
pub(crate) struct Answer {
    body: Full<Bytes>,
    _busy: Busy,
}

impl Answer {
    /// Ties `body` to its request.
    pub(crate) fn new(body: Full<Bytes>, busy: Busy) -> Self {
        Self { body, _busy: busy }
    }
}

/// Returns what a body holds; it is all there, and nothing is copied.
pub(crate) fn bytes_of(body: Full<Bytes>) -> Bytes {
    let Some(Ok(collected)) = body.collect().now_or_never() else {
        unreachable!("a full body is one frame, and ready");
    };
    collected.to_bytes()
}

impl Body for Answer {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
