//! `call!`: a call that reads like the method it calls.

/// Begins a call of a method by name, written like a call in Python.
///
/// Positional arguments come first, then keyword arguments; the names before the method are the
/// service's and, if it has one, its prefix. The result is an [`OutgoingCall`](crate::OutgoingCall):
/// awaiting it sends it.
///
/// # Examples
/// ```no_run
/// # async fn example(client: rpc_core::Client) -> Result<(), rpc_core::CallError> {
/// use rpc_core::prelude::*;
/// let text: String = call!(client, greeting_service.hello("Bob", last_name = "Ross")).await?;
/// let text: String = call!(client, v2.greeting_service.hello("Bob")).await?;
/// call!(client, greeting_service.hello("Bob")).send().await?;
/// # Ok(())
/// # }
/// ```
/// It is the same as `client.call("greeting_service.hello").arg("Bob").kwarg("last_name", "Ross")`,
/// which also takes names that are only known at run time.
#[macro_export]
macro_rules! call {
    ($client:expr, $first:ident $(. $next:ident)+ ($($arguments:tt)*) $(,)?) => {
        $crate::__arguments!(
            positional
            [($client).call(::core::concat!(
                ::core::stringify!($first) $(, ".", ::core::stringify!($next))+
            ))]
            $($arguments)*
        )
    };
    ($client:expr, $($wrong:tt)*) => {
        ::core::compile_error!(
            "expected a method and its arguments: `call!(client, greeting_service.hello(\"Bob\", last_name = \"Ross\"))`"
        )
    };
    ($($wrong:tt)*) => {
        ::core::compile_error!(
            "expected a client, a method and its arguments: `call!(client, greeting_service.hello(\"Bob\"))`"
        )
    };
}

/// Adds arguments to a call, one at a time.
#[doc(hidden)]
#[macro_export]
macro_rules! __arguments {
    ($kind:ident [$call:expr]) => {
        $call
    };
    ($kind:ident [$call:expr] $name:ident = $value:expr $(, $($rest:tt)*)?) => {
        $crate::__arguments!(
            keyword [$call.kwarg(::core::stringify!($name), $value)] $($($rest)*)?
        )
    };
    (positional [$call:expr] $value:expr $(, $($rest:tt)*)?) => {
        $crate::__arguments!(positional [$call.arg($value)] $($($rest)*)?)
    };
    (keyword [$call:expr] $value:expr $(, $($rest:tt)*)?) => {
        ::core::compile_error!(::core::concat!(
            "the positional argument `",
            ::core::stringify!($value),
            "` follows a keyword argument: move it before the first `name = value`, or give it a name"
        ))
    };
}
