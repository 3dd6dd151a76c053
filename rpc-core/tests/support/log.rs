//! What was logged, for tests to read.

use std::io;
use std::sync::{Arc, Mutex};

/// Where a test reads what was logged.
#[derive(Clone, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Log {
    /// Hears what this thread logs while the guard lives.
    pub(crate) fn listen(&self) -> tracing::subscriber::DefaultGuard {
        let writer = self.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(tracing::Level::DEBUG)
            .with_ansi(false)
            .with_writer(move || writer.clone())
            .finish();
        tracing::subscriber::set_default(subscriber)
    }

    pub(crate) fn lines(&self, with: &str) -> usize {
        let text = self.text();
        text.lines().filter(|line| line.contains(with)).count()
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

/// Captures all that this thread logs.
pub(crate) fn capture() -> (Log, tracing::subscriber::DefaultGuard) {
    let log = Log::default();
    let guard = log.listen();
    (log, guard)
}
