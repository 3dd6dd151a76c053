//! A client that sends exactly the bytes it is given.

use std::collections::HashMap;
use std::net::SocketAddr;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::SOON;

/// One HTTP/1 connection.
pub struct Connection {
    pub stream: TcpStream,
    read: Vec<u8>,
}

/// One answer.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HashMap<String, String>,
    pub body: Vec<u8>,
}

impl Connection {
    pub async fn open(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        Self {
            stream,
            read: Vec::new(),
        }
    }

    /// Connects, unless nobody listens any more.
    pub async fn open_if_possible(address: SocketAddr) -> Option<Self> {
        let stream = TcpStream::connect(address).await.ok()?;
        Some(Self {
            stream,
            read: Vec::new(),
        })
    }

    /// Sends bytes; that the other side stopped reading is part of some tests.
    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        let _ = self.stream.write_all(bytes.as_ref()).await;
    }

    pub async fn exchange(&mut self, request: impl AsRef<[u8]>) -> Answer {
        self.send(request).await;
        self.answer().await.expect("an answer")
    }

    /// Reads an answer; `None` when the connection ends without one.
    pub async fn answer(&mut self) -> Option<Answer> {
        timeout(SOON, self.read_answer())
            .await
            .expect("an answer, or the end, in time")
    }

    /// Waits for the end of the connection and returns what came before it.
    pub async fn rest(&mut self) -> Vec<u8> {
        timeout(SOON, async { while self.read_some().await {} })
            .await
            .expect("the connection ends in time");
        std::mem::take(&mut self.read)
    }

    async fn read_answer(&mut self) -> Option<Answer> {
        let end = loop {
            match self.read.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
                Some(end) => break end,
                None if self.read_some().await => {}
                None => return None,
            }
        };
        let head: Vec<u8> = self.read.drain(..end + 4).collect();
        let head = std::str::from_utf8(&head).unwrap();
        let mut lines = head.split("\r\n").filter(|line| !line.is_empty());
        let status = lines.next().unwrap()[9..12].parse().unwrap();
        let headers: HashMap<_, _> = lines
            .map(|line| line.split_once(": ").unwrap())
            .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
            .collect();
        if status == 100 {
            return Some(Answer {
                status,
                headers,
                body: Vec::new(),
            });
        }
        let length = headers
            .get("content-length")
            .map_or(0, |length| length.parse().unwrap());
        while self.read.len() < length && self.read_some().await {}
        let body = self.read.drain(..length.min(self.read.len())).collect();
        Some(Answer {
            status,
            headers,
            body,
        })
    }

    async fn read_some(&mut self) -> bool {
        matches!(self.stream.read_buf(&mut self.read).await, Ok(1..))
    }
}

impl Answer {
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }

    /// Asserts that this is a complete RFC 9457 problem, and returns it.
    #[track_caller]
    pub fn problem(&self) -> Value {
        assert_eq!(
            self.header("content-type"),
            Some("application/problem+json"),
            "{self:?}"
        );
        let problem: Value = serde_json::from_slice(&self.body).unwrap();
        assert_eq!(problem["status"], self.status, "{problem}");
        assert_eq!(
            problem["request_id"].as_str(),
            self.header("x-request-id"),
            "{problem}"
        );
        for member in ["type", "title", "detail", "code"] {
            assert!(
                problem[member]
                    .as_str()
                    .is_some_and(|text| !text.is_empty()),
                "{member}: {problem}"
            );
        }
        assert!(problem["retryable"].is_boolean(), "{problem}");
        problem
    }

    /// Asserts status and code of a problem.
    #[track_caller]
    pub fn assert_problem(&self, status: u16, code: &str) -> Value {
        let problem = self.problem();
        assert_eq!(
            (self.status, problem["code"].as_str()),
            (status, Some(code)),
            "{problem}"
        );
        problem
    }
}
