//! The bytes of one connection, below HTTP.
//!
//! It replays what was read to tell HTTP/1 from HTTP/2, feels the [`Pulse`], and keeps back hyper's
//! own answer to a request that cannot be read: that has no body, and every error of ours has one.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::pulse::Pulse;

/// A stream whose first bytes were read before.
#[derive(Debug)]
pub(crate) struct Socket<S> {
    stream: S,
    replay: Bytes,
    pulse: Arc<Pulse>,
    protocol: Protocol,
    kept_back: bool,
}

/// What the first bytes of a connection promised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    /// HTTP/1.0 or 1.1, or something that is not HTTP.
    Http1,
    /// HTTP/2 with prior knowledge.
    Http2,
}

impl<S> Socket<S> {
    /// Wraps `stream`, of which `replay` was read already.
    pub(crate) fn new(stream: S, replay: Bytes, protocol: Protocol, pulse: Arc<Pulse>) -> Self {
        Self {
            stream,
            replay,
            pulse,
            protocol,
            kept_back: false,
        }
    }

    /// Returns the stream, and whether an answer to an unreadable request was kept back: then the
    /// stream is still open for a better one.
    pub(crate) fn into_inner(self) -> (S, bool) {
        (self.stream, self.kept_back)
    }

    /// Returns whether what hyper writes now is to be kept back.
    ///
    /// In HTTP/1 nothing but such an answer is written while no request is under way.
    fn keeps_back(&mut self) -> bool {
        self.kept_back |= self.protocol == Protocol::Http1 && !self.pulse.is_answering();
        self.kept_back
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Socket<S> {
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

impl<S: AsyncWrite + Unpin> AsyncWrite for Socket<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.keeps_back() {
            true => Poll::Ready(Ok(buf.len())),
            false => Pin::new(&mut self.stream).poll_write(cx, buf),
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.keeps_back() {
            true => Poll::Ready(Ok(bufs.iter().map(|buf| buf.len()).sum())),
            false => Pin::new(&mut self.stream).poll_write_vectored(cx, bufs),
        }
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.stream).poll_flush(cx))?;
        self.pulse.flushed();
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.kept_back {
            true => Poll::Ready(Ok(())),
            false => Pin::new(&mut self.stream).poll_shutdown(cx),
        }
    }
}
