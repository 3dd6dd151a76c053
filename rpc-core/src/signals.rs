//! SIGTERM and Ctrl-C: how a process is told to stop.

/// Returns a future that resolves at SIGTERM or Ctrl-C, or at once if one has come since this call.
///
/// Call it before the program says that it is ready: from here on the signals no longer end the
/// process by themselves, and none is missed. Whoever sends a second one has lost patience: it ends
/// the process at once, with the status that shells give to a program that a signal ended.
///
/// # Panics
/// Outside of a Tokio runtime.
#[cfg(unix)]
pub fn stop_signal() -> impl Future<Output = ()> + Send {
    let mut signals = Signals::listen();
    async move {
        signals.next().await;
        tokio::spawn(async move {
            let status = signals.next().await;
            tracing::warn!("told to stop again: ending at once");
            std::process::exit(status);
        });
    }
}

/// Returns a future that resolves at Ctrl-C.
#[cfg(not(unix))]
pub fn stop_signal() -> impl Future<Output = ()> + Send {
    async {
        let _ = tokio::signal::ctrl_c().await;
    }
}

/// Both signals.
#[cfg(unix)]
struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn listen() -> Self {
        use tokio::signal::unix::{SignalKind, signal};
        let listen = |kind| signal(kind).expect("both signals are ones that a process may handle");
        Self {
            interrupt: listen(SignalKind::interrupt()),
            terminate: listen(SignalKind::terminate()),
        }
    }

    /// Waits for the next signal; returns the status that shells report for it.
    async fn next(&mut self) -> i32 {
        use tokio::signal::unix::SignalKind;
        let kind = tokio::select! {
            _ = self.interrupt.recv() => SignalKind::interrupt(),
            _ = self.terminate.recv() => SignalKind::terminate(),
        };
        128 + kind.as_raw_value()
    }
}
