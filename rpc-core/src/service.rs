//! What `#[rpc]` on an `impl` block makes of a type: a [`Service`].

use crate::endpoint::Endpoint;
use crate::entrypoint::Entrypoints;
pub(crate) use crate::origin::Origin;

/// A set of methods under one name; implemented by [`#[rpc]`](macro@crate::rpc), never by hand.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a service",
    note = "put `#[rpc]` on its `impl` block and on the methods that callers may call"
)]
pub trait Service: Send + Sync + Sized + 'static {
    /// The name, which is the first token of its subjects after the prefix: `greeting_service`.
    const NAME: &'static str;
    /// The semantic version that discovery shows.
    const VERSION: &'static str;
    /// The description that discovery shows; the doc comment of the `impl` block.
    const DOC: &'static str;
    /// Tokens before the name, such as `v2`; empty for none.
    const PREFIX: &'static str;
    /// The queue group that instances share.
    const QUEUE_GROUP: &'static str;

    /// Returns the methods.
    fn endpoints() -> Vec<Endpoint<Self>>;

    /// Returns what makes its methods run besides calls: events, timers, start and stop.
    fn entrypoints() -> Entrypoints<Self> {
        Entrypoints::none()
    }
}

impl Origin {
    /// Returns that of a service.
    pub(crate) const fn of<S: Service>() -> Self {
        Self {
            prefix: S::PREFIX,
            name: S::NAME,
        }
    }
}

/// What a trait with `#[rpc]` says of the services that implement it.
#[derive(Debug)]
pub struct Contract<S> {
    /// [`Service::NAME`].
    pub name: &'static str,
    /// [`Service::VERSION`].
    pub version: &'static str,
    /// [`Service::DOC`].
    pub doc: &'static str,
    /// [`Service::PREFIX`].
    pub prefix: &'static str,
    /// [`Service::QUEUE_GROUP`].
    pub queue_group: &'static str,
    /// [`Service::endpoints`].
    pub endpoints: fn() -> Vec<Endpoint<S>>,
}
