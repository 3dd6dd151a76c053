//! Bytes to operations, as soon as the bytes allow.
//!
//! The parser looks at the bytes a connection has accumulated and returns
//! operations that borrow from them, so a message is copied only into the
//! outboxes it is routed to. Mistakes are reported at the byte that makes
//! them certain, without waiting for the end of the line: clients rely on an
//! error that comes before they have sent the rest of a large payload.

use super::op::Tail;
use super::{Closing, Op, ProtocolError, Verb};
use crate::op::{Connect, Ping, Pong, Publish, Sub, Unsub, check_info};

/// Finds operations in the input of one connection.
#[derive(Debug, Default)]
pub(crate) struct Parser {
    /// The operation is incomplete below this many bytes: a large payload
    /// that arrives in pieces does not have its control line read again.
    need: usize,
    /// The rest of this operation's line is skipped.
    skipping: Option<Verb>,
}

/// What holds for the next operation.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules {
    pub(crate) max_control_line: usize,
    pub(crate) max_payload: usize,
    /// Whether the client may send HPUB.
    pub(crate) headers: bool,
    /// Whether only CONNECT is welcome.
    pub(crate) awaiting_auth: bool,
}

/// How far the parser came.
#[derive(Debug)]
pub(crate) struct Step<'a> {
    /// How many bytes of the input are done with.
    pub(crate) used: usize,
    /// The operation they held; without one, more input is needed.
    pub(crate) op: Option<Op<'a>>,
}

/// The arguments of an operation and where its line ends.
struct Line<'a> {
    args: &'a [u8],
    end: usize,
}

impl Parser {
    /// Reads the next operation from input that starts where the last step
    /// ended.
    ///
    /// # Errors
    /// Why the connection ends.
    pub(crate) fn next<'a>(&mut self, input: &'a [u8], rules: &Rules) -> Result<Step<'a>, Closing> {
        if input.is_empty() || input.len() < self.need {
            return Ok(Step::incomplete());
        }
        if let Some(verb) = self.skipping {
            return Ok(self.skip_line(verb, input));
        }
        if rules.awaiting_auth && !input[0].eq_ignore_ascii_case(&b'C') {
            return Err(ProtocolError::AuthorizationViolation.into());
        }
        let Some(verb) = Verb::read(input)? else {
            return Ok(Step::incomplete());
        };
        if verb.tail() == Tail::Skipped {
            return Ok(self.skip_line(verb, input));
        }
        let Some(line) = read_line(verb, input, rules.max_control_line)? else {
            return Ok(Step::incomplete());
        };
        let (used, op) = match verb {
            Verb::Pub | Verb::Hpub => return self.publish(verb, &line, input, rules),
            Verb::Sub => (line.end, Op::Sub(Sub::parse(line.args)?)),
            Verb::Unsub => (line.end, Op::Unsub(Unsub::parse(line.args)?)),
            Verb::Connect => (line.end, Op::Connect(Box::new(Connect::parse(line.args)?))),
            Verb::Info => {
                check_info(line.args)?;
                (line.end, Op::Ignored)
            }
            Verb::Err => return Err(Closing::Silent("the client reported an error")),
            Verb::Ping | Verb::Pong | Verb::Ok => {
                unreachable!("the tail of these is skipped above")
            }
        };
        Ok(Step::done(used, op))
    }

    /// Returns how many more bytes the incomplete operation is known to need.
    pub(crate) fn missing(&self, available: usize) -> usize {
        self.need.saturating_sub(available)
    }

    fn skip_line<'a>(&mut self, verb: Verb, input: &'a [u8]) -> Step<'a> {
        let Some(line_end) = memchr::memchr(b'\n', input) else {
            self.skipping = Some(verb);
            return Step {
                used: input.len(),
                op: None,
            };
        };
        self.skipping = None;
        let op = match verb {
            Verb::Ping => Op::Ping(Ping),
            Verb::Pong => Op::Pong(Pong),
            _ => Op::Ignored,
        };
        Step::done(line_end + 1, op)
    }

    /// Reads the payload after the control line of a PUB or HPUB.
    fn publish<'a>(
        &mut self,
        verb: Verb,
        line: &Line<'a>,
        input: &'a [u8],
        rules: &Rules,
    ) -> Result<Step<'a>, Closing> {
        let mut publish = match verb {
            Verb::Hpub => Publish::parse_with_header(line.args, rules.headers)?,
            _ => Publish::parse(line.args)?,
        };
        if publish.size > rules.max_payload {
            return Err(ProtocolError::PayloadTooLarge.into());
        }
        let body_end = line.end + publish.size;
        let terminator = input.get(body_end..).unwrap_or_default();
        let terminator = &terminator[..terminator.len().min(2)];
        if !b"\r\n".starts_with(terminator) {
            return Err(ProtocolError::UnknownOperation.into());
        }
        if terminator.len() < 2 {
            self.need = body_end + terminator.len() + 1;
            return Ok(Step::incomplete());
        }
        self.need = 0;
        publish.body = &input[line.end..body_end];
        Ok(Step::done(body_end + 2, Op::Publish(publish)))
    }
}

impl<'a> Step<'a> {
    fn incomplete() -> Self {
        Self { used: 0, op: None }
    }

    fn done(used: usize, op: Op<'a>) -> Self {
        Self { used, op: Some(op) }
    }
}

/// Finds the arguments after the verb, without the line end; `None` while the
/// line has none.
fn read_line(
    verb: Verb,
    input: &[u8],
    max_control_line: usize,
) -> Result<Option<Line<'_>>, ProtocolError> {
    let after = &input[verb.name().len()..];
    let blanks = after
        .iter()
        .take_while(|byte| matches!(byte, b' ' | b'\t'))
        .count();
    if verb.tail() == Tail::Arguments && blanks == 0 && !after.is_empty() {
        return Err(ProtocolError::UnknownOperation);
    }
    let args = &after[blanks..];
    let line_end = memchr::memchr(b'\n', args);
    let args = &args[..line_end.unwrap_or(args.len())];
    let args = args.strip_suffix(b"\r").unwrap_or(args);
    // Endless blanks are no argument, but they are memory.
    if args.len() > max_control_line || (line_end.is_none() && blanks > max_control_line) {
        return Err(ProtocolError::ControlLineTooLong);
    }
    Ok(line_end.map(|line_end| Line {
        args,
        end: verb.name().len() + blanks + line_end + 1,
    }))
}

#[cfg(test)]
mod tests;
