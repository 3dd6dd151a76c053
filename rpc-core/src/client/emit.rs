//! Events: published on their source's subject, for whoever handles them.

use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::time::{Duration, Instant};

use serde::Serialize;
use thiserror::Error;

use super::{CallError, Client};
use crate::context::{Context, after};
use crate::outbox::Outgoing;
use crate::protocol::subject::check_method;
use crate::protocol::{Arguments, Code, RpcError, SubjectError};

/// How long the server may take to confirm an event.
const CONFIRMATION: Duration = Duration::from_secs(5);

/// Why an event was not published.
///
/// # Examples
/// ```
/// use rpc_core::{EmitError, RpcError};
/// let error = EmitError::TooLarge { size: 2_000_000, limit: 1_048_576 };
/// assert_eq!(error.to_string(), "the event has 2000000 bytes, the server takes at most 1048576");
/// assert_eq!(RpcError::from(error).code(), "payload_too_large");
/// ```
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum EmitError {
    /// The name or the subject cannot be that of an event. Mend it.
    #[error("{0}")]
    InvalidSubject(String),
    /// An argument could not be encoded. Mend its `Serialize`.
    #[error("an argument could not be encoded: {0}")]
    Unencodable(#[source] serde_json::Error),
    /// The event is larger than the server takes. Send less, or where to find it.
    #[error("the event has {size} bytes, the server takes at most {limit}")]
    TooLarge {
        /// The size of headers and payload in bytes.
        size: usize,
        /// The server's `max_payload` in bytes.
        limit: usize,
    },
    /// The NATS server does not let this client publish on the subject; only an event that is
    /// [`confirmed`](Emit::confirmed) learns of it. Give its account or user the right to.
    #[error("the NATS server does not let this client publish on `{0}`")]
    PermissionDenied(String),
    /// The connection to NATS is down. It is made anew by itself; emit again after a pause.
    #[error("the connection to NATS is down")]
    Disconnected,
    /// The server did not confirm the event in time: it may have been published.
    #[error("the server did not confirm the event in time")]
    Unconfirmed,
    /// The call that emits is nested too deep, or came without a network.
    #[error("{0}")]
    Refused(RpcError),
}

/// What the caller of a method reads that could not emit.
impl From<EmitError> for RpcError {
    fn from(error: EmitError) -> Self {
        let text = error.to_string();
        match error {
            EmitError::Refused(error) => error,
            EmitError::InvalidSubject(_) | EmitError::Unencodable(_) => Self::internal(error),
            EmitError::TooLarge { .. } => Self::new(Code::PayloadTooLarge, text),
            EmitError::PermissionDenied(_) => Self::new(Code::PermissionDenied, text),
            EmitError::Disconnected | EmitError::Unconfirmed => Self::new(Code::Unavailable, text),
        }
    }
}

/// An event that is being put together; awaiting it publishes it.
///
/// NATS delivers an event at most once, to those who listen at that moment: nobody is told when
/// there is none. Awaiting returns when the event is queued for the connection, in the order in
/// which one task emits; [`confirmed`](Self::confirmed) waits for the server as well.
#[must_use = "an event is published when it is awaited"]
#[derive(Debug)]
pub struct Emit {
    publisher: Result<Client, EmitError>,
    subject: String,
    arguments: Arguments,
    confirmed: bool,
}

impl Client {
    /// Begins an event on `subject`, `<source>.<event>`, with positional arguments: a tuple.
    ///
    /// # Examples
    /// ```no_run
    /// # async fn example(client: rpc_core::Client) -> Result<(), Box<dyn std::error::Error>> {
    /// client.emit("thing_service.thing_created", ("anvil", 7)).await?;
    /// client.emit("thing_service.swept", ()).kwarg("count", 3).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn emit(&self, subject: impl Into<String>, args: impl EventArgs) -> Emit {
        Emit {
            publisher: Ok(self.clone()),
            subject: subject.into(),
            arguments: args.append_to(Arguments::new()),
            confirmed: false,
        }
    }
}

impl Context {
    /// Begins an event of this service, on `<service>.<event>`, with positional arguments: a tuple.
    ///
    /// The event carries on what [`client`](Self::client) does, but for the deadline: handlers have
    /// their own. The name is one token; `context.client()?.emit(…)` publishes on any subject.
    ///
    /// # Examples
    /// ```no_run
    /// # async fn example(context: &rpc_core::Context) -> Result<(), rpc_core::RpcError> {
    /// context.emit("thing_created", ("anvil", 7)).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn emit(&self, event: &str, args: impl EventArgs) -> Emit {
        let publisher = match event.contains('.') {
            true => Err(EmitError::InvalidSubject(format!(
                "`{}` has a dot, and a service emits under its own name: \
                 `context.client()?.emit(…)` publishes on any subject",
                event.escape_default()
            ))),
            false => self.client().map_err(EmitError::Refused),
        };
        Emit {
            publisher,
            subject: self.origin().subject(event),
            arguments: args.append_to(Arguments::new()),
            confirmed: false,
        }
    }
}

impl Emit {
    /// Adds a keyword argument.
    pub fn kwarg(mut self, name: &str, value: impl Serialize) -> Self {
        self.arguments = self.arguments.kwarg(name, value);
        self
    }

    /// Waits until the server has taken the event, two round trips and at most 5 s. A denied event is
    /// then an error instead of a line in the log.
    pub fn confirmed(mut self) -> Self {
        self.confirmed = true;
        self
    }

    async fn publish(self) -> Result<(), EmitError> {
        let client = self.publisher?;
        check_method(&self.subject).map_err(|error| invalid_subject(&error))?;
        let payload = self.arguments.into_payload();
        let payload = payload.map_err(EmitError::Unencodable)?;
        let headers = client.inherited_headers();
        let (size, limit) = (headers.wire_len() + payload.len(), client.max_payload());
        if size > limit {
            return Err(EmitError::TooLarge { size, limit });
        }
        if !client.connection().is_connected() {
            return Err(EmitError::Disconnected);
        }
        let event = Outgoing {
            subject: self.subject.as_str().into(),
            reply: None,
            headers,
            payload,
        };
        match self.confirmed {
            false => client.outbox().enqueue_in_order(event).await,
            true => client.confirm(&self.subject, event).await?,
        }
        Ok(())
    }
}

impl IntoFuture for Emit {
    type Output = Result<(), EmitError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.publish())
    }
}

impl Client {
    /// Publishes an event and makes two round trips after it. The server takes an event before what
    /// follows it, so the first brings whatever it has against the event; the second gives those a
    /// turn who tell us of it.
    async fn confirm(&self, subject: &str, event: Outgoing) -> Result<(), EmitError> {
        let sent = Instant::now();
        let deadline = after(sent, CONFIRMATION);
        // Nothing answers it: it ends by a refusal of the subject, or with the connection.
        let refusal = self.core.mux.wait(subject, sent, deadline);
        let refusal = refusal.without_service();
        let refused = self.answer(std::future::ready(()), refusal, deadline, CONFIRMATION);
        let taken = async {
            // Not past those that were queued before: events keep their order.
            self.outbox().flush().await;
            self.outbox().publish(event).await;
            self.round_trip(CONFIRMATION).await?;
            self.round_trip(CONFIRMATION).await
        };
        let failed = tokio::select! {
            biased;
            refused = refused => refused.err(),
            taken = taken => taken.err(),
        };
        match failed {
            None => Ok(()),
            Some(CallError::PermissionDenied(subject)) => Err(EmitError::PermissionDenied(subject)),
            Some(CallError::Disconnected(_)) => Err(EmitError::Disconnected),
            Some(_) => Err(EmitError::Unconfirmed),
        }
    }
}

fn invalid_subject(error: &SubjectError) -> EmitError {
    EmitError::InvalidSubject(match error {
        SubjectError::NotAMethod(subject) => {
            format!("expected `<source>.<event>`, got `{subject}`")
        }
        SubjectError::Characters(subject) => format!(
            "`{subject}` is not an event: names are letters, digits, `_` and `-`, joined by `.`"
        ),
        other => other.to_string(),
    })
}

/// The positional arguments of an event: `()` or a tuple of up to twelve.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a tuple of arguments",
    label = "expected a tuple",
    note = "an event with one argument is `(value,)`, and one without is `()`"
)]
pub trait EventArgs: sealed::Tuple {
    #[doc(hidden)]
    fn append_to(self, arguments: Arguments) -> Arguments;
}

mod sealed {
    pub trait Tuple {}
}

macro_rules! tuples {
    ($($name:ident)*) => {
        impl<$($name: Serialize),*> sealed::Tuple for ($($name,)*) {}

        impl<$($name: Serialize),*> EventArgs for ($($name,)*) {
            #[allow(non_snake_case, reason = "values named after their types")]
            fn append_to(self, arguments: Arguments) -> Arguments {
                let ($($name,)*) = self;
                arguments$(.arg($name))*
            }
        }
    };
}

tuples!();
tuples!(A);
tuples!(A B);
tuples!(A B C);
tuples!(A B C D);
tuples!(A B C D E);
tuples!(A B C D E F);
tuples!(A B C D E F G);
tuples!(A B C D E F G H);
tuples!(A B C D E F G H I);
tuples!(A B C D E F G H I J);
tuples!(A B C D E F G H I J K);
tuples!(A B C D E F G H I J K L);
