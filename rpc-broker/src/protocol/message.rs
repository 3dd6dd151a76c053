//! What the broker writes to subscribers: MSG, HMSG and -ERR.

use bytes::{BufMut, BytesMut};

use super::ProtocolError;
use crate::op::Publish;

/// Appends `publish` as the MSG or HMSG of one subscription.
///
/// Sizes are the publisher's own digits, leading zeros included, as a stock
/// server sends them. A receiver that does not know headers gets the payload
/// alone, with its size computed anew.
pub(crate) fn write_message(
    buffer: &mut BytesMut,
    publish: &Publish<'_>,
    sid: &[u8],
    receiver_reads_headers: bool,
) {
    let header = publish.header.as_ref().filter(|header| header.len > 0);
    let verb: &[u8] = match header {
        Some(_) if receiver_reads_headers => b"HMSG ",
        _ => b"MSG ",
    };
    buffer.reserve(publish.subject.len() + sid.len() + publish.body.len() + 64);
    buffer.put_slice(verb);
    buffer.put_slice(publish.subject);
    buffer.put_u8(b' ');
    buffer.put_slice(sid);
    buffer.put_u8(b' ');
    if let Some(reply) = publish.reply {
        buffer.put_slice(reply);
        buffer.put_u8(b' ');
    }
    let body = match header {
        Some(header) if receiver_reads_headers => {
            buffer.put_slice(header.len_digits);
            buffer.put_u8(b' ');
            buffer.put_slice(publish.size_digits);
            publish.body
        }
        Some(header) => {
            let payload = &publish.body[header.len..];
            buffer.put_slice(payload.len().to_string().as_bytes());
            payload
        }
        None => {
            buffer.put_slice(publish.size_digits);
            publish.body
        }
    };
    buffer.put_slice(b"\r\n");
    buffer.put_slice(body);
    buffer.put_slice(b"\r\n");
}

/// Appends the answer to a request that nobody listens to.
///
/// ```text
/// HMSG _INBOX.7 1 37 37\r\nNATS/1.0 503\r\nNats-Subject: greet\r\n\r\n\r\n
/// ```
pub(crate) fn write_no_responders(buffer: &mut BytesMut, reply: &[u8], sid: &[u8], subject: &[u8]) {
    const STATUS: &[u8] = b"NATS/1.0 503\r\nNats-Subject: ";
    const END: &[u8] = b"\r\n\r\n";
    let size = STATUS.len() + subject.len() + END.len();
    let size = size.to_string();
    for part in [
        b"HMSG ".as_slice(),
        reply,
        b" ",
        sid,
        b" ",
        size.as_bytes(),
        b" ",
        size.as_bytes(),
        b"\r\n",
        STATUS,
        subject,
        END,
        b"\r\n",
    ] {
        buffer.put_slice(part);
    }
}

/// Appends an -ERR.
pub(crate) fn write_error(buffer: &mut BytesMut, error: &ProtocolError) {
    buffer.put_slice(format!("-ERR '{error}'\r\n").as_bytes());
}
