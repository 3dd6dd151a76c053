//! One connection: tell HTTP/1 from HTTP/2, serve it, close it so that the client can read why.

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::IpAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::{HttpService, service_fn};
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::answer::Answer;
use crate::config::Limits;
use crate::edge::Edge;
use crate::problem::{self, Problem};
use crate::pulse::{Overdue, Pulse, Times, Watchdog};
use crate::routes::call::target;
use crate::socket::{Protocol, Socket};
use crate::stack;
use crate::status::Refusal;

/// What every HTTP/2 client sends first.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// How long, and how much, is read from a client that still sends after it was answered. Closing at
/// once would reset the connection, and the answer would be lost on the way.
const LINGER: Duration = Duration::from_secs(1);
const LINGER_BYTES: u64 = 8 * 1024 * 1024;

/// How an HTTP/2 client proves that it is still there.
const PING_EVERY: Duration = Duration::from_secs(20);
const PING_PATIENCE: Duration = Duration::from_secs(10);

/// Serves a connection until it ends; once the bridge drains, it finishes what runs and closes.
///
/// `agreed` is what TLS has settled on, where there is TLS.
pub(crate) async fn serve<S>(edge: Arc<Edge>, mut stream: S, peer: IpAddr, agreed: Option<Protocol>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let pulse = Pulse::new();
    let limits = &edge.config.limits;
    let mut driver = Driver {
        watchdog: Watchdog::new(pulse.clone(), times(&edge)),
        draining: edge.draining.clone(),
        drain_time: edge.config.drain_timeout,
        close_time: limits.header_time,
    };
    // hyper's own detection has no timeout: a client that says nothing, or only `P`, would stay.
    let mut first = Vec::with_capacity(PREFACE.len());
    let sniffed = match agreed {
        Some(protocol) => Ok(Some(protocol)),
        None => driver.sniff(&mut stream, &mut first).await,
    };
    let protocol = match sniffed {
        Ok(Some(protocol)) => protocol,
        Ok(None) if !first.is_empty() => return refuse(stream, head_late()).await,
        Ok(None) | Err(_) => return,
    };
    let socket = Socket::new(stream, first.into(), protocol, pulse.clone());
    let service = service_fn({
        let edge = edge.clone();
        move |request: Request<Incoming>| {
            let (edge, busy) = (edge.clone(), pulse.begin());
            async move {
                let response = stack::handle(&edge, peer, request).await;
                Ok::<Response<Answer>, Infallible>(response.map(|body| Answer::new(body, busy)))
            }
        }
    });
    match protocol {
        Protocol::Http1 => {
            let io = TokioIo::new(socket);
            let mut connection = http1(limits).serve_connection(io, service);
            let end = driver.drive(Pin::new(&mut connection)).await;
            let (stream, kept_back) = connection.into_parts().io.into_inner().into_inner();
            match end {
                End::Closed(Err(error)) if kept_back => refuse(stream, unreadable(&error)).await,
                // Whoever is answered in full sends no more, and a drain waits for nobody else.
                End::Closed(_) if edge.draining.is_cancelled() => {}
                End::Closed(_) => linger(stream).await,
                End::HeadLate => refuse(stream, head_late()).await,
                End::GivenUp => {}
            }
        }
        Protocol::Http2 => {
            let connection = http2(limits).serve_connection(TokioIo::new(socket), service);
            driver.drive(pin!(connection)).await;
        }
    }
}

fn times(edge: &Edge) -> Times {
    let limits = &edge.config.limits;
    Times {
        head: limits.header_time,
        idle: limits.idle_time,
        // The body, the call, and as long to take the answer as there was to send the body.
        request: 2 * limits.body_time + edge.config.call_timeout,
    }
}

/// The head's deadline is the watchdog's: hyper's would also end idle connections, after the same
/// few seconds.
fn http1(limits: &Limits) -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder
        .header_read_timeout(None)
        .max_buf_size(largest_head(limits).max(8 * 1024));
    builder
}

fn http2(limits: &Limits) -> http2::Builder<TokioExecutor> {
    let mut builder = http2::Builder::new(TokioExecutor::new());
    builder
        .timer(TokioTimer::new())
        .max_concurrent_streams(limits.http2_streams)
        .max_header_list_size(u32::try_from(largest_head(limits)).unwrap_or(u32::MAX))
        // A client that opens and resets streams makes work without an answer to wait for.
        .max_pending_accept_reset_streams(20)
        .max_local_error_reset_streams(100)
        // What one connection may have sent without our having read it.
        .initial_stream_window_size(64 * 1024)
        .initial_connection_window_size(1024 * 1024)
        .keep_alive_interval(PING_EVERY)
        .keep_alive_timeout(PING_PATIENCE);
    builder
}

/// hyper's bound on a head, above ours so that ours can answer in words. Its bound on the number of
/// headers is 100 and stays so: another would cost every request an allocation.
fn largest_head(limits: &Limits) -> usize {
    let ours = limits.header_bytes.saturating_add(limits.uri_bytes);
    ours.saturating_mul(2)
}

/// How a connection ended.
enum End {
    /// HTTP came to its end.
    Closed(hyper::Result<()>),
    /// The head of a request did not.
    HeadLate,
    /// The client did not do its part in time.
    GivenUp,
}

/// A connection that can be asked to close.
trait Graceful: Future<Output = hyper::Result<()>> {
    /// Takes no new requests, finishes those under way.
    fn close(self: Pin<&mut Self>);
}

impl<I, S> Graceful for http1::Connection<I, S>
where
    I: hyper::rt::Read + hyper::rt::Write + Unpin,
    S: HttpService<Incoming, ResBody = Answer, Error = Infallible>,
{
    fn close(self: Pin<&mut Self>) {
        self.graceful_shutdown();
    }
}

impl<I, S, F> Graceful for http2::Connection<I, S, TokioExecutor>
where
    I: hyper::rt::Read + hyper::rt::Write + Unpin,
    S: HttpService<Incoming, ResBody = Answer, Error = Infallible, Future = F>,
    F: Future<Output = Result<Response<Answer>, Infallible>> + Send + 'static,
{
    fn close(self: Pin<&mut Self>) {
        self.graceful_shutdown();
    }
}

/// What moves a connection along and what ends it.
struct Driver {
    watchdog: Watchdog,
    draining: CancellationToken,
    drain_time: Duration,
    close_time: Duration,
}

impl Driver {
    /// Reads as much as tells the protocol, and no further; `None` when that took too long.
    async fn sniff<S>(
        &mut self,
        stream: &mut S,
        first: &mut Vec<u8>,
    ) -> io::Result<Option<Protocol>>
    where
        S: AsyncRead + Unpin,
    {
        loop {
            let mut read = [0; PREFACE.len()];
            let most = PREFACE.len() - first.len();
            let length = tokio::select! {
                biased;
                length = stream.read(&mut read[..most]) => length?,
                _ = self.watchdog.overdue() => return Ok(None),
                // Nothing was asked yet, so nobody is let down.
                () = self.draining.cancelled(), if first.is_empty() => return Ok(None),
            };
            if length == 0 {
                // hyper has the words for a request that ends early.
                return Ok((!first.is_empty()).then_some(Protocol::Http1));
            }
            first.extend_from_slice(&read[..length]);
            if !PREFACE.starts_with(first) {
                return Ok(Some(Protocol::Http1));
            }
            if first.len() == PREFACE.len() {
                return Ok(Some(Protocol::Http2));
            }
        }
    }

    /// Runs a connection to its end.
    async fn drive<C: Graceful>(&mut self, mut connection: Pin<&mut C>) -> End {
        let patience = tokio::select! {
            biased;
            ended = connection.as_mut() => return End::Closed(ended),
            overdue = self.watchdog.overdue() => match overdue {
                Overdue::Idle => self.close_time,
                overdue => return overdue.into(),
            },
            () = self.draining.cancelled() => self.drain_time,
        };
        connection.as_mut().close();
        // What was begun has its deadlines still. An idle connection has no other left, and only
        // has to take what was written to it.
        let draining = self.draining.is_cancelled();
        tokio::select! {
            biased;
            ended = timeout(patience, connection) => ended.map_or(End::GivenUp, End::Closed),
            overdue = self.watchdog.overdue(), if draining => overdue.into(),
        }
    }
}

impl From<Overdue> for End {
    fn from(overdue: Overdue) -> Self {
        match overdue {
            Overdue::Head => Self::HeadLate,
            Overdue::Request | Overdue::Idle => Self::GivenUp,
        }
    }
}

/// Returns the answer to a request that hyper could not read.
fn unreadable(error: &hyper::Error) -> Problem {
    if error.is_parse_too_large() {
        return Problem::refused(
            Refusal::HeadersTooLarge,
            "the headers are too large or too many",
        );
    }
    match error.to_string().as_str() {
        // hyper's kinds are private; should it change its words, the answer is 400.
        "invalid URI" => target::no_method("the path is not one that a URL may have"),
        words => Problem::refused(Refusal::BadRequest, words),
    }
}

fn head_late() -> Problem {
    Problem::refused(
        Refusal::RequestTimeout,
        "the headers did not arrive in time",
    )
}

/// Answers a client that never got as far as a request, and closes.
pub(crate) async fn refuse<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S, problem: Problem) {
    let answer = problem::bare_response(&problem);
    let written = timeout(LINGER, stream.write_all(&answer)).await;
    if matches!(written, Ok(Ok(()))) && stream.shutdown().await.is_ok() {
        linger(stream).await;
    }
}

/// Reads what the client still sends, so that it can read what it was told.
async fn linger<S: AsyncRead + Unpin>(stream: S) {
    let mut rest = stream.take(LINGER_BYTES);
    let _ = timeout(LINGER, tokio::io::copy(&mut rest, &mut tokio::io::sink())).await;
}
