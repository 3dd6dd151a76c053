//! The bytes of one connection, below HTTP.
//!
//! It replays what was read to tell HTTP/1 from HTTP/2, feels the [`Pulse`], and gives hyper's own
//! refusals of unreadable requests the body that all other errors have.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::problem;
use crate::pulse::Pulse;

/// A stream whose first bytes were read before.
#[derive(Debug)]
pub(crate) struct Socket<S> {
    stream: S,
    replay: Bytes,
    pulse: Arc<Pulse>,
    protocol: Protocol,
    /// An error of ours that stands in for one of hyper's, as far as it is not yet written.
    substitute: Bytes,
}

/// What the first bytes of a connection promised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    /// HTTP/1.0 or 1.1, or something that is not HTTP.
    Http1,
    /// HTTP/2 with prior knowledge.
    Http2,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Socket<S> {
    /// Wraps `stream`, of which `replay` was read already.
    pub(crate) fn new(stream: S, replay: Bytes, protocol: Protocol, pulse: Arc<Pulse>) -> Self {
        Self {
            stream,
            replay,
            pulse,
            protocol,
            substitute: Bytes::new(),
        }
    }

    /// Returns the stream itself.
    pub(crate) fn into_inner(self) -> S {
        self.stream
    }

    /// Swaps what hyper writes about a request that never reached the stack; returns whether it did.
    ///
    /// In HTTP/1 nothing but such a refusal is written while no request is being answered.
    fn substitutes(&mut self, written: &[u8]) -> bool {
        let refusal = self.protocol == Protocol::Http1 && !self.pulse.is_answering();
        match refusal
            .then(|| problem::refusal_with_body(written))
            .flatten()
        {
            Some(substitute) => {
                self.substitute = substitute;
                true
            }
            None => false,
        }
    }

    fn poll_substitute(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.substitute.is_empty() {
            let written = ready!(Pin::new(&mut self.stream).poll_write(cx, &self.substitute))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.substitute.advance(written);
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Socket<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if !self.replay.is_empty() {
            let length = self.replay.len().min(buf.remaining());
            buf.put_slice(&self.replay.split_to(length));
            return Poll::Ready(Ok(()));
        }
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buf))?;
        // In HTTP/2 bytes between requests are mostly acknowledgements and begin no head.
        if self.protocol == Protocol::Http1 && buf.filled().len() > before {
            self.pulse.heard();
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Socket<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.substitutes(buf) {
            return Poll::Ready(Ok(buf.len()));
        }
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if let Some(first) = bufs.iter().find(|buf| !buf.is_empty())
            && self.substitutes(first)
        {
            return Poll::Ready(Ok(first.len()));
        }
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_substitute(cx))?;
        ready!(Pin::new(&mut self.stream).poll_flush(cx))?;
        self.pulse.flushed();
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_substitute(cx))?;
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
