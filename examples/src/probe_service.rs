//! Run it with `NATS_URL=nats://127.0.0.1:4222 cargo run --bin services -- --probe`, then call it:
//!
//! ```console
//! $ nats request probe_service.fail '[["not_found", "no user 7"]]'
//! {"code":"not_found","message":"no user 7", …}
//! ```

mod ledger;

use std::collections::BTreeMap;
use std::hint::spin_loop;
use std::time::{Duration, Instant};

use argon2::{Algorithm, Argon2, Params, Version};
use rpc_core::prelude::*;
use serde_json::Value;
use tokio::time::sleep;

pub use ledger::Ledger;

/// What the tests of failures call: each method does one thing that a service can do wrong, or
/// leaves a number behind that tells what has run.
#[derive(Debug, Default)]
pub struct ProbeService {
    ledger: Ledger,
}

impl ProbeService {
    /// Creates a service that keeps its numbers in `ledger`.
    pub fn new(ledger: Ledger) -> Self {
        Self { ledger }
    }
}

/// Does what goes wrong in tests: fails, panics, sleeps, counts.
#[rpc(name = "probe_service", version = "1.0.0")]
impl ProbeService {
    /// Returns `value`, which may be any JSON.
    #[rpc(safe)]
    pub async fn echo(&self, value: Value) -> Value {
        value
    }

    /// Waits for `ms` milliseconds, at most ten minutes.
    #[rpc(timeout = "10m")]
    pub async fn sleep(&self, ms: u64) {
        sleep(Duration::from_millis(ms)).await;
    }

    /// Fails with the code `kind`; one that is none of the contract travels as the service's own,
    /// with the number 418.
    #[rpc]
    pub async fn fail(&self, kind: String, message: String) -> Result<(), RpcError> {
        match Code::from_text(&kind) {
            Some(code) => Err(RpcError::new(code, message)),
            None => Err(RpcError::custom(kind, 418, message)),
        }
    }

    /// Panics; callers must not read `message`.
    #[rpc]
    pub async fn panic(&self, message: String) {
        panic!("{message}");
    }

    /// Returns a text of `bytes` bytes.
    #[rpc]
    pub async fn big(&self, bytes: usize) -> String {
        "x".repeat(bytes)
    }

    /// Returns what JSON cannot say: a map whose key is no text.
    #[rpc]
    pub async fn unencodable(&self) -> BTreeMap<Vec<u8>, u8> {
        BTreeMap::from([(vec![1], 1)])
    }

    /// Calls itself over the network until `depth` is used up, and returns how deep it got.
    #[rpc]
    pub async fn nested(&self, context: &Context, depth: u32) -> Result<u32, RpcError> {
        match depth.checked_sub(1) {
            None => Ok(context.depth()),
            Some(left) => {
                let client = context.client()?;
                Ok(client.call("probe_service.nested").arg(left).await?)
            }
        }
    }

    /// Adds one to `key`, then takes `ms` milliseconds, and returns the number. With a key of its
    /// own for each call, "it ran exactly once" is a number.
    #[rpc]
    pub async fn count(&self, key: &str, #[rpc(default)] ms: u64) -> u64 {
        let number = self.ledger.add(key);
        pause(ms).await;
        number
    }

    /// Is `count` with eight calls at once and three waiting.
    #[rpc(limit = 8, queue = 3)]
    pub async fn count_few(&self, key: &str, #[rpc(default)] ms: u64) -> u64 {
        self.count(key, ms).await
    }

    /// Is `count` with eight calls at once, for calls that run out of time while they wait. One
    /// that runs all the same after its deadline adds to a key `late-<ms>`, which says how late.
    #[rpc(limit = 8)]
    pub async fn count_slowly(&self, context: &Context, key: &str, ms: u64) -> u64 {
        if context.time_left().is_zero() {
            let late = context.deadline().elapsed().as_millis();
            self.ledger.add(&format!("late-{late}"));
        }
        self.count(key, ms).await
    }

    /// Sets `key` to one: `count`, for callers who may call again.
    #[rpc(idempotent)]
    pub async fn put(&self, key: &str) -> u64 {
        self.ledger.set(key, 1);
        1
    }

    /// Returns all keys of this instance with their numbers.
    #[rpc(safe)]
    pub async fn counts(&self) -> BTreeMap<String, u64> {
        self.ledger.numbers()
    }

    /// Returns how many requests of this instance ran out of time before they ran.
    #[rpc]
    pub async fn expired(&self, context: &Context) -> Result<u64, RpcError> {
        let stats = context.stats().await?;
        let methods = stats["endpoints"].as_array().map_or(&[][..], Vec::as_slice);
        let expired = methods.iter().map(|it| it["data"]["expired"].as_u64());
        Ok(expired.map(Option::unwrap_or_default).sum())
    }

    /// Keeps a processor busy for `ms` milliseconds, without letting others run.
    #[rpc]
    pub async fn burn(&self, ms: u64) {
        let end = Instant::now() + Duration::from_millis(ms);
        while Instant::now() < end {
            spin_loop();
        }
    }

    /// Returns a hash that takes a processor some milliseconds, on a thread of its own: other calls
    /// are answered meanwhile.
    #[rpc(blocking)]
    pub async fn hash_password(
        &self,
        #[rpc(sensitive)] password: String,
    ) -> Result<String, RpcError> {
        // Parameters and salt for a test: real ones take longer, and every password has its own.
        let parameters = Params::new(1024, 2, 1, None).map_err(RpcError::internal)?;
        let argon = Argon2::new(Algorithm::Argon2id, Version::V0x13, parameters);
        let mut hash = [0; 16];
        let hashed = argon.hash_password_into(password.as_bytes(), b"salt of the probe", &mut hash);
        hashed.map_err(RpcError::internal)?;
        Ok(hash.iter().map(|byte| format!("{byte:02x}")).collect())
    }
}

/// Waits only where there is something to wait for: a call that never waits takes another, shorter
/// way through the library, and tests want both.
async fn pause(ms: u64) {
    if ms > 0 {
        sleep(Duration::from_millis(ms)).await;
    }
}
