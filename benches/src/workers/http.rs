//! One keep-alive HTTP/1.1 connection that sends what curl would, again and again.
//!
//! It reads no more of a response than it must, because the load generator shares the cores with
//! what it measures.

use memchr::memmem;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::contenders::{REPLY, REQUEST, SUBJECT};
use crate::load::Call;

/// A connection and the request that it sends.
pub(crate) struct Http {
    stream: TcpStream,
    request: Vec<u8>,
    response: Vec<u8>,
}

impl Http {
    /// Connects.
    pub(crate) async fn connect(address: &str) -> std::io::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        // The headers of `curl -X POST http://…/greeting_service.hello -d '…'`.
        let head = format!(
            "POST /{SUBJECT} HTTP/1.1\r\nHost: {address}\r\nUser-Agent: curl/8.5.0\r\n\
             Accept: */*\r\nContent-Length: {}\r\n\
             Content-Type: application/x-www-form-urlencoded\r\n\r\n",
            REQUEST.len()
        );
        Ok(Self {
            stream,
            request: [head.as_bytes(), REQUEST].concat(),
            response: Vec::with_capacity(1024),
        })
    }

    async fn exchange(&mut self) -> std::io::Result<()> {
        self.stream.write_all(&self.request).await?;
        self.response.clear();
        while !self.is_complete() {
            if self.stream.read_buf(&mut self.response).await? == 0 {
                return Err(std::io::ErrorKind::UnexpectedEof.into());
            }
        }
        Ok(())
    }

    /// Returns whether the response has come to its end: the known reply, or the body of a
    /// failure, of which the head is enough to tell.
    fn is_complete(&self) -> bool {
        match self.is_ok() {
            true => self.response.ends_with(REPLY),
            false => memmem::find(&self.response, b"\r\n\r\n").is_some(),
        }
    }

    fn is_ok(&self) -> bool {
        self.response.starts_with(b"HTTP/1.1 200 ")
    }
}

impl Call for Http {
    async fn call(&mut self) -> Result<(), String> {
        match self.exchange().await {
            Ok(()) if self.is_ok() => Ok(()),
            Ok(()) => Err(String::from_utf8_lossy(&self.response).into_owned()),
            Err(error) => Err(error.to_string()),
        }
    }
}
