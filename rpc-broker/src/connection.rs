//! One connection: a reader that routes, a writer that batches, the timers.
//!
//! The three run in one task, so a client's own answers leave in the poll
//! that made them, and replies to many clients leave in one write each.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::time::{Instant, timeout};

use crate::broker::Broker;
use crate::keepalive::{Pulse, keep_alive};
use crate::outbox::Outbox;
use crate::protocol::{Closing, Parser, ProtocolError, write_error};
use crate::session::Session;
use crate::subscriber::Subscriber;

/// How much is read at once: the least at first, the most under load.
const READ_SIZES: (usize, usize) = (4 * 1024, 64 * 1024);

/// An input buffer that grew beyond this is given back once it is empty.
const KEEP: usize = 256 * 1024;

/// How long a publisher waits for a receiver that is filling up: per message,
/// and for all it sent in one read.
const STALL: Duration = Duration::from_millis(5);
const STALLS_PER_READ: Duration = Duration::from_millis(10);

/// How long the broker, when it stops, waits for a client to take what is
/// left for it.
const SHUTDOWN_FLUSH: Duration = Duration::from_millis(250);

/// How long input is discarded after the last word to a client.
const LINGER: Duration = Duration::from_secs(1);

/// Serves a client until either side ends the connection.
pub(crate) async fn run(broker: Arc<Broker>, mut stream: TcpStream) {
    let (Ok(peer), Ok(())) = (stream.peer_addr(), stream.set_nodelay(true)) else {
        return; // The client is already gone.
    };
    let me = broker.welcome(peer.ip());
    let (mut reader, writer) = stream.split();
    let mut writer = Writer {
        stream: writer,
        outbox: &me.outbox,
        batch: BytesMut::new(),
        deadline: broker.config.write_deadline,
    };
    let closing = if broker.admit(&me) {
        let pulse = Arc::new(Pulse::default());
        let mut session = Session::new(Arc::clone(&broker), Arc::clone(&me), Arc::clone(&pulse));
        tokio::select! {
            biased;
            closing = read(&mut reader, &mut session) => closing,
            closing = writer.run() => closing,
            closing = keep_alive(&pulse, &me.outbox, &broker.config) => closing,
        }
    } else {
        ProtocolError::TooManyConnections.into()
    };
    if matches!(closing, Closing::Slow(_)) {
        // The client is not told, so its owner needs to find it here.
        tracing::warn!(client = me.id, %peer, reason = %closing, "connection closed");
    } else {
        tracing::debug!(client = me.id, %peer, reason = %closing, "connection closed");
    }
    writer.finish(&closing).await;
    if matches!(closing, Closing::Told(_) | Closing::Silent(_)) {
        linger(&mut stream).await;
    }
}

/// Reads and applies operations until the connection has to end.
async fn read(stream: &mut ReadHalf<'_>, session: &mut Session) -> Closing {
    let mut input = BytesMut::new();
    let mut parser = Parser::default();
    let mut size = READ_SIZES.0;
    loop {
        if input.is_empty() && input.capacity() > KEEP {
            input = BytesMut::new();
        }
        input.reserve(size.max(parser.missing(input.len())));
        match stream.read_buf(&mut input).await {
            Ok(0) => return Closing::Silent("closed by the client"),
            Ok(_) => {}
            Err(_) => return Closing::Gone("read error"),
        }
        let was_filled = input.len() == input.capacity();
        if let Err(closing) = apply_all(&mut parser, &mut input, session).await {
            return closing;
        }
        if was_filled {
            size = READ_SIZES.1.min(size * 2);
            // More is waiting: let the writers empty what this read filled.
            tokio::task::yield_now().await;
        }
    }
}

/// Applies the operations in `input`, and leaves the incomplete one.
async fn apply_all(
    parser: &mut Parser,
    input: &mut BytesMut,
    session: &mut Session,
) -> Result<(), Closing> {
    let mut stalls_left = STALLS_PER_READ;
    let mut used = 0;
    loop {
        let step = parser.next(&input[used..], &session.rules())?;
        used += step.used;
        let Some(op) = step.op else { break };
        op.apply(session)?;
        if let Some(receiver) = session.congested.take() {
            stall(&receiver, &mut stalls_left).await;
        }
    }
    input.advance(used);
    Ok(())
}

/// Holds a publisher back until its receiver has room, within bounds: a
/// receiver that does not read costs its publishers little, and then itself
/// the connection.
async fn stall(receiver: &Subscriber, left: &mut Duration) {
    if left.is_zero() {
        return;
    }
    let started = Instant::now();
    // Either outcome means: go on.
    let _ = timeout(STALL.min(*left), receiver.outbox.drained()).await;
    *left = left.saturating_sub(started.elapsed());
}

/// Writes what waits in the outbox, a whole batch at a time.
struct Writer<'a> {
    stream: WriteHalf<'a>,
    outbox: &'a Outbox,
    /// Taken from the outbox and not written yet. It outlives a cancelled
    /// [`Writer::run`], so no bytes are lost or sent twice.
    batch: BytesMut,
    deadline: Duration,
}

impl Writer<'_> {
    async fn run(&mut self) -> Closing {
        loop {
            if let Err(closing) = self.outbox.take(&mut self.batch).await {
                return closing;
            }
            if let Err(closing) = self.write_batch().await {
                return closing;
            }
        }
    }

    async fn write_batch(&mut self) -> Result<(), Closing> {
        while !self.batch.is_empty() {
            match self.stream.try_write(&self.batch) {
                Ok(count) => {
                    self.batch.advance(count);
                    self.outbox.written(count);
                }
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                    match timeout(self.deadline, self.stream.writable()).await {
                        Ok(Ok(())) => {}
                        Ok(Err(_)) => return Err(Closing::Gone("write error")),
                        Err(_) => return Err(Closing::Slow("write deadline exceeded")),
                    }
                }
                Err(_) => return Err(Closing::Gone("write error")),
            }
        }
        Ok(())
    }

    /// Writes what is left, the reason last, and tells the client that
    /// nothing follows.
    async fn finish(&mut self, closing: &Closing) {
        if let Closing::Told(error) = closing {
            self.outbox.push(|buffer| write_error(buffer, error));
        }
        let last = self.outbox.close();
        match closing {
            Closing::Slow(_) | Closing::Gone(_) => return,
            Closing::Shutdown => self.deadline = self.deadline.min(SHUTDOWN_FLUSH),
            Closing::Told(_) | Closing::Silent(_) => {}
        }
        // A failure means that the client is gone, which is the goal.
        if self.write_batch().await.is_ok() {
            self.batch = last;
            if self.write_batch().await.is_ok() {
                let _ = self.stream.shutdown().await;
            }
        }
    }
}

/// Discards input for a while.
///
/// Closing a socket with unread input resets the connection, and the client
/// would lose the error it was just sent, for instance while it is still
/// sending the payload that was too large.
async fn linger(stream: &mut TcpStream) {
    let mut discarded = [0; 1024];
    let until_closed = async { while matches!(stream.read(&mut discarded).await, Ok(1..)) {} };
    // Either outcome means: close.
    let _ = timeout(LINGER, until_closed).await;
}
