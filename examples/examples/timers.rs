//! Methods that the time makes run, in every instance.
//!
//! ```text
//! $ cargo run -q --example timers
//! tick 1
//! tick 2
//! the report of the night
//! ```

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use rpc_core::prelude::*;
use rpc_core::testing::TestApp;

#[derive(Default)]
struct Reporter(AtomicU32);

#[rpc]
impl Reporter {
    #[timer("300ms", eager)]
    async fn tick(&self) {
        println!("tick {}", self.0.fetch_add(1, Relaxed) + 1);
    }

    #[cron("0 3 * * *", tz = "Europe/Brussels")]
    async fn nightly(&self) -> std::io::Result<()> {
        println!("the report of the night");
        Ok(())
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let app = TestApp::start(Reporter::default()).await;
    app.wait_for("reporter.tick").times(2).await;
    // Tests and demonstrations do not wait for three o'clock.
    app.fire_timer("reporter.nightly").await;
    app.stop().await;
}
