//! `#[on_start]` and `#[on_stop]`: what an instance does before its first call and after its last.

use std::time::Duration;

use tokio::time::timeout;
use tracing::{error, info};

use crate::error::RunError;
use crate::instance::Instance;

/// What `on_stop` has at least, also where the running calls took all the time there was.
const LEAST: Duration = Duration::from_secs(5);

impl Instance {
    /// Runs the `#[on_start]` methods one after the other, before anything is subscribed to.
    ///
    /// # Errors
    /// The first failure; those after it do not run.
    pub(crate) async fn on_start(&self) -> Result<(), RunError> {
        for hook in &self.entrypoints.on_start {
            if let Err(failed) = hook.run().await {
                let hook = hook.method();
                error!(
                    hook,
                    request_id = failed.request_id.as_deref(),
                    "on_start failed: {failed}"
                );
                return Err(RunError::OnStart {
                    hook,
                    reason: failed.to_string(),
                });
            }
        }
        Ok(())
    }

    /// Runs the `#[on_stop]` methods one after the other, in `left` or a little longer. One that
    /// fails keeps no other from running.
    pub(crate) async fn on_stop(&self, left: Duration) {
        let all = async {
            for hook in &self.entrypoints.on_stop {
                if let Err(failed) = hook.run().await {
                    let (hook, request_id) = (hook.method(), failed.request_id.as_deref());
                    error!(hook, request_id, "on_stop failed: {failed}");
                }
            }
        };
        if timeout(left.max(LEAST), all).await.is_err() {
            error!(service = self.name, "on_stop took too long and was ended");
        }
    }

    /// Tells the log what handlers and timers have done, which discovery does not know.
    pub(crate) fn log_entrypoints(&self) {
        for report in self.entrypoints.report() {
            let (name, fired_by) = (&report.name, &report.fired_by);
            let (runs, failures, dropped) = (report.runs, report.failures, report.dropped);
            info!(
                name,
                fired_by, runs, failures, dropped, "entrypoint stopped"
            );
        }
    }
}
