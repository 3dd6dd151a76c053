//! What generated clients are made of: how a method's result and errors come back, and what may be
//! sent to it.
//!
//! A service must compile although its types cannot travel back: a result that is only `Serialize`,
//! an error that is only `Into<RpcError>`, an argument that is only `Deserialize`. So the bounds are
//! on using a method of the client, and not on the method.

use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{self, Poll};

use base64::display::Base64Display;
use base64::engine::general_purpose::STANDARD;
use serde::de::DeserializeOwned;
use serde::{Serialize, Serializer};

use super::call::Answered;
use super::{CallError, Client, OutgoingCall};
use crate::protocol::RpcError;
use crate::wire_error::WireError;

/// What a method returns: `T`, which is a `Result` or is none.
#[derive(Debug)]
pub struct Returns<T, const IS_RESULT: bool>(PhantomData<fn() -> T>);

/// How what a method returns comes back to its caller.
pub trait Returned {
    /// The value of a call that succeeded.
    type Value: DeserializeOwned;
    /// The method's own error.
    type Error: WireError;
}

impl<T: Decoded> Returned for Returns<T, false> {
    type Value = T;
    type Error = RpcError;
}

impl<T: Decoded, E: WireError> Returned for Returns<Result<T, E>, true> {
    type Value = T;
    type Error = E;
}

/// A type that can come back from a call: anything that serde can decode and that borrows nothing.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the result of a call: derive `serde::Deserialize` for it, and let it borrow nothing",
    label = "cannot be decoded from a reply"
)]
pub trait Decoded: DeserializeOwned {}

#[diagnostic::do_not_recommend]
impl<T: DeserializeOwned> Decoded for T {}

/// Asks whether a type is a `Result`, under whatever name: `<Asked<T>>::IS_RESULT`, with
/// [`Otherwise`] in scope. A constant of the type itself comes before that of a trait.
#[derive(Debug)]
pub struct Asked<T>(PhantomData<fn() -> T>);

impl<T, E> Asked<Result<T, E>> {
    /// It is one.
    pub const IS_RESULT: bool = true;
}

/// Answers for every type that is no `Result`.
pub trait Otherwise {
    /// It is none.
    const IS_RESULT: bool = false;
}

impl<T> Otherwise for Asked<T> {}

/// A type that can be sent as an argument: anything that serde can encode.
///
/// The lifetime means nothing. The compiler checks a bound without parameters where it stands, but
/// `for<'a> Thing: Sent<'a>` where it is used.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be sent as an argument: derive `serde::Serialize` for it",
    label = "cannot be encoded into a call"
)]
pub trait Sent<'a>: Serialize {}

#[diagnostic::do_not_recommend]
impl<T: Serialize + ?Sized> Sent<'_> for T {}

/// Bytes as an argument: base64 text, as `&[u8]` parameters take it.
#[derive(Debug)]
pub struct Base64<'a>(pub &'a [u8]);

impl Serialize for Base64<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&Base64Display::new(self.0, &STANDARD))
    }
}

/// Returns text as it is encoded.
pub fn text(text: &impl AsRef<str>) -> &str {
    text.as_ref()
}

/// Returns bytes as they are encoded.
pub fn bytes(bytes: &impl AsRef<[u8]>) -> Base64<'_> {
    Base64(bytes.as_ref())
}

/// Begins the call of a generated client.
pub fn begin<'a, R>(client: &'a Client, subject: &'static str) -> OutgoingCall<'a, R> {
    OutgoingCall::new(client, subject.into())
}

/// A call of a generated client: what is put together, and, once it is polled, what waits for the
/// reply. The latter knows no type of the method, so only polling needs them.
pub struct TypedCall<'a, R, K> {
    call: OutgoingCall<'a, R, K>,
    sent: Option<Sending<'a>>,
}

type Sending<'a> = Pin<Box<dyn Future<Output = Result<Answered, CallError>> + Send + 'a>>;

impl<'a, R, K> TypedCall<'a, R, K> {
    /// Creates a call that is not sent yet.
    pub fn new(call: OutgoingCall<'a, R, K>) -> Self {
        Self { call, sent: None }
    }

    /// Changes what will be sent; of no use once that was done.
    pub fn map<L>(
        self,
        change: impl FnOnce(OutgoingCall<'a, R, K>) -> OutgoingCall<'a, R, L>,
    ) -> TypedCall<'a, R, L> {
        TypedCall {
            call: change(self.call),
            sent: self.sent,
        }
    }

    /// Sends the call one way.
    ///
    /// # Errors
    /// Those of [`OutgoingCall::send`].
    pub async fn send(self) -> Result<(), CallError> {
        self.call.send_one_way().await
    }
}

impl<R: Returned, K> Future for TypedCall<'_, R, K> {
    type Output = Result<R::Value, CallError<R::Error>>;

    fn poll(mut self: Pin<&mut Self>, context: &mut task::Context<'_>) -> Poll<Self::Output> {
        let Self { call, sent } = &mut *self;
        let sending = sent.get_or_insert_with(|| Box::pin(call.take().reply()));
        sending.as_mut().poll(context).map(|answered| {
            answered
                .and_then(Answered::result)
                .map_err(CallError::typed)
        })
    }
}

/// Writes what a client and its calls have in common; see `expand/client.rs` of the macros.
#[doc(hidden)]
#[macro_export]
macro_rules! __client {
    ($(#[$doc:meta])* $client:ident, $call:ident, $calls:literal) => {
        $(#[$doc])*
        #[allow(dead_code, unreachable_pub, clippy::all, clippy::pedantic)]
        pub struct $client($crate::Client);

        #[allow(dead_code, unreachable_pub, clippy::all, clippy::pedantic)]
        impl $client {
            /// Creates a client that calls through `client`, whose connection and limits it shares.
            pub fn new(client: &$crate::Client) -> Self {
                Self(::core::clone::Clone::clone(client))
            }
        }

        impl ::core::clone::Clone for $client {
            fn clone(&self) -> Self {
                Self(::core::clone::Clone::clone(&self.0))
            }
        }

        impl ::core::fmt::Debug for $client {
            fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                $crate::__private::debug(f, ::core::stringify!($client), &self.0)
            }
        }

        #[doc = $calls]
        #[must_use = "a call is sent when it is awaited"]
        #[allow(dead_code, unreachable_pub, clippy::all, clippy::pedantic)]
        pub struct $call<'a, const METHOD: ::core::primitive::usize, R, K = $crate::Plain>(
            $crate::__private::TypedCall<'a, R, K>,
        );

        #[allow(dead_code, unreachable_pub, clippy::all, clippy::pedantic)]
        impl<'a, const METHOD: ::core::primitive::usize, R, K> $call<'a, METHOD, R, K> {
            /// Sets how long to wait for the reply, retries included; 30 s by default, and never
            /// longer than what is left of the call that this one is made in.
            pub fn timeout(self, timeout: ::core::time::Duration) -> Self {
                Self(self.0.map(|call| call.timeout(timeout)))
            }

            /// Sets how often the call is sent at most, where it may be repeated; once is no retry.
            pub fn max_tries(self, tries: ::core::primitive::u32) -> Self {
                Self(self.0.map(|call| call.max_tries(tries)))
            }

            /// Sends the call one way: the method runs, and nobody answers. Returns when the
            /// request was handed to the connection.
            pub async fn send(self) -> ::core::result::Result<(), $crate::CallError> {
                self.0.send().await
            }
        }

        #[allow(dead_code, unreachable_pub, clippy::all, clippy::pedantic)]
        impl<'a, const METHOD: ::core::primitive::usize, R> $call<'a, METHOD, R> {
            /// Says that running the call twice does no more than running it once, so that it is
            /// sent again also when it may have run.
            pub fn idempotent(self) -> $call<'a, METHOD, R, $crate::Idempotent> {
                $call(self.0.map(|call| call.idempotent()))
            }

            /// Sends the call again when its failure says that the method did not run.
            pub fn retry_not_sent(self) -> Self {
                Self(self.0.map(|call| call.retry_not_sent()))
            }
        }

        #[allow(dead_code, unreachable_pub, clippy::all, clippy::pedantic)]
        impl<'a, const METHOD: ::core::primitive::usize, R>
            $call<'a, METHOD, R, $crate::Idempotent>
        {
            /// Sends a second request when no answer came `after` some time; the first good answer
            /// wins and the other request is cancelled.
            pub fn hedge(self, after: ::core::time::Duration) -> Self {
                Self(self.0.map(|call| call.hedge(after)))
            }
        }

        impl<R: $crate::__private::Returned, K, const METHOD: ::core::primitive::usize>
            ::core::future::Future for $call<'_, METHOD, R, K>
        {
            type Output = ::core::result::Result<
                <R as $crate::__private::Returned>::Value,
                $crate::CallError<<R as $crate::__private::Returned>::Error>,
            >;

            fn poll(
                mut self: ::core::pin::Pin<&mut Self>,
                context: &mut ::core::task::Context<'_>,
            ) -> ::core::task::Poll<Self::Output> {
                ::core::future::Future::poll(::core::pin::Pin::new(&mut self.0), context)
            }
        }
    };
}

/// Writes a generated client as debug output.
///
/// # Errors
/// The formatter's.
pub fn debug(f: &mut fmt::Formatter<'_>, name: &str, client: &Client) -> fmt::Result {
    f.debug_tuple(name).field(client).finish()
}
