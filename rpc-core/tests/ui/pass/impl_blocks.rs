//! What an `impl` block may look like, and what the macro leaves alone.
#![deny(warnings)]

use rpc_core::prelude::*;

/// Generic over what it needs.
struct Repository<S, const N: usize>(S);

trait Store: Send + Sync + 'static {
    fn count(&self) -> usize;
}

/// Serves a repository.
///
/// Its version is that of this crate.
#[rpc]
impl<S, const N: usize> Repository<S, N>
where
    S: Store,
{
    /// Counts.
    #[rpc]
    async fn count(&self, #[rpc(default = N)] least: usize) -> usize {
        self.0.count().max(least)
    }
}

struct Memory;

impl Store for Memory {
    fn count(&self) -> usize {
        Self::DEFAULT
    }
}

impl Memory {
    const DEFAULT: usize = 1;
}

mod nested {
    pub enum Nested {}
}

#[rpc(name = "other", version = "1.2.3-rc.1", prefix = "eu.v2", queue_group = "q2")]
#[allow(clippy::unused_self)]
impl nested::Nested {
    #![allow(clippy::needless_pass_by_value)]

    const LIMIT: u8 = 1;

    /// Bodies are passed through unread.
    #[rpc(safe)]
    #[rpc(internal, queue = 0)]
    pub async fn hello(&self) -> u8 {
        macro_rules! anything { ($($tt:tt)*) => { Self::LIMIT } }
        anything!(~ not @ rust ~)
    }

    #[cfg(any())]
    #[rpc]
    async fn absent(&self, missing: Missing) {}

    #[cfg(all())]
    #[rpc(name = "absent")]
    async fn present(&self) {}

    #[deprecated]
    #[rpc]
    async fn old(&self) {}

    fn plain<T>(value: T) -> T {
        value
    }
}

fn main() {
    type Memories = Repository<Memory, 7>;
    assert_eq!((Memories::NAME, Memories::VERSION), ("repository", env!("CARGO_PKG_VERSION")));
    assert_eq!(Memories::DOC, "Serves a repository.\n\nIts version is that of this crate.");
    let count = &Memories::endpoints()[0];
    assert_eq!((count.subject(), count.spec.doc), ("repository.count".to_owned(), "Counts."));

    let [hello, absent, old] = &nested::Nested::endpoints()[..] else { panic!() };
    assert_eq!(hello.subject(), "eu.v2.other.hello");
    assert_eq!((absent.spec.name, old.spec.name), ("absent", "old"));
    let options = hello.spec.options;
    assert_eq!((options.queue, options.internal, options.safe, options.idempotent), (0, true, true, true));
    assert_eq!(nested::Nested::plain(nested::Nested::QUEUE_GROUP), "q2");
}
