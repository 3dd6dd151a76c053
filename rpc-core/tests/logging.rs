//! What the log says of a call that failed, and its caller does not read.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::error::Error;
use std::fmt;
use std::io;
use std::sync::{Arc, Mutex};

use rpc_core::prelude::*;
use rpc_core::testing::call_raw;

#[derive(Debug, thiserror::Error)]
#[error("the query failed")]
struct QueryFailed(#[source] io::Error);

struct Users;

#[rpc]
impl Users {
    /// Fails because of what failed because of what failed.
    #[rpc]
    async fn get(&self, status: u16) -> Result<u8, RpcError> {
        let refused = io::Error::new(io::ErrorKind::ConnectionRefused, Rooted);
        let error = RpcError::custom("users.gone", status, "no users now");
        Err(error.with_source(QueryFailed(refused)))
    }
}

/// An error with a cause of its own.
#[derive(Debug)]
struct Rooted;

impl fmt::Display for Rooted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("10.0.0.7:5432 refused the connection")
    }
}

impl Error for Rooted {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&fmt::Error)
    }
}

/// Where a test reads what was logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Log {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

#[tokio::test]
async fn the_log_has_every_cause_and_the_reply_has_none() {
    for (status, level) in [(503, "ERROR"), (410, "DEBUG")] {
        let log = Log::default();
        let writer = log.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(tracing::Level::DEBUG)
            .with_ansi(false)
            .with_writer(move || writer.clone())
            .finish();
        let _logging = tracing::subscriber::set_default(subscriber);
        let payload = format!("[[{status}]]");
        let error = call_raw(&Arc::new(Users), "get", payload).await;
        let error = error.unwrap_err();

        let line = log.text();
        let causes = format!(
            "cause=the query failed: 10.0.0.7:5432 refused the connection: {}",
            fmt::Error
        );
        assert!(line.contains(level) && line.contains(&causes), "{line}");
        assert!(line.contains(error.request_id().unwrap()), "{line}");
        let read = error.to_json(None);
        assert!(!read.contains("query") && !read.contains("5432"), "{read}");
    }
}
