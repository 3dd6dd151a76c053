//! Faults against real processes, with numbers: what callers notice when an instance, the broker
//! or the network between them ends, and what they do not notice.
//!
//! ```console
//! $ cargo test -p examples --test resilience -- --nocapture
//! $ SOAK=1 cargo test --release -p examples --test resilience -- --nocapture
//! ```
//!
//! Each scenario runs on the embedded broker and on the real nats-server, prints one line of
//! figures, and takes its turn: two at once would measure each other. `SOAK=1` is a hundred times
//! as much.

// A test crate exports nothing, and its helpers fail by panicking.
#![allow(missing_docs, unreachable_pub, clippy::unwrap_used)]

mod support;

#[path = "resilience/cluster.rs"]
mod cluster;
#[path = "resilience/load.rs"]
mod load;
#[path = "resilience/servers.rs"]
mod servers;

#[path = "resilience/broker_restart.rs"]
mod broker_restart;
#[path = "resilience/deadlines.rs"]
mod deadlines;
#[path = "resilience/failures.rs"]
mod failures;
#[path = "resilience/half_open.rs"]
mod half_open;
#[path = "resilience/killed_instance.rs"]
mod killed_instance;
#[path = "resilience/rolling_restart.rs"]
mod rolling_restart;
#[path = "resilience/unanswered.rs"]
mod unanswered;

use servers::{Kind, Server};

/// Whether the suites run at full length.
fn soak() -> bool {
    std::env::var("SOAK").as_deref() == Ok("1")
}

/// Defines a scenario's two tests.
macro_rules! on_both_servers {
    ($scenario:path) => {
        #[test]
        fn on_the_embedded_broker() {
            crate::run(crate::servers::Kind::Embedded, $scenario);
        }

        #[test]
        fn on_the_real_server() {
            crate::run(crate::servers::Kind::Real, $scenario);
        }
    };
}
use on_both_servers;

/// Runs a scenario when it is its turn, on a server of its own.
fn run(kind: Kind, scenario: impl AsyncFnOnce(Server)) {
    static TURN: std::sync::Mutex<()> = std::sync::Mutex::new(());
    let _turn = TURN
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    let Some(server) = Server::start(kind) else {
        return;
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build();
    runtime.unwrap().block_on(scenario(server));
}
