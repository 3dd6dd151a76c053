//! Where keys come from, and when they are looked for again.
//!
//! A token may name any key it likes. So one that is not known makes the bridge look at most once
//! a minute, and all who wait then share that look.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use thiserror::Error;
use tokio::time::Instant;

use super::fetch;
use super::keys::{Key, KeySet};
use crate::config::{Algorithm, KeySource};

/// The time between two looks for a key that is not known.
const MISS_EVERY: Duration = Duration::from_secs(60);
/// The same while there are no keys at all: nothing works until there are.
const RETRY_EVERY: Duration = Duration::from_secs(5);
/// How old keys get before they are looked at again, so that those taken back are forgotten.
const STALE_AFTER: Duration = Duration::from_secs(300);

/// Why keys cannot be used.
#[derive(Debug, Error)]
#[error("the keys for tokens, {source_name}: {reason}")]
pub(crate) struct KeysError {
    pub(crate) source_name: String,
    pub(crate) reason: String,
}

/// There are no keys, neither good nor bad ones.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Unavailable;

/// The keys in use.
#[derive(Debug)]
pub(super) struct Keys(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    source: KeySource,
    current: Mutex<Current>,
    /// When the last look began; held during one.
    looked: Arc<tokio::sync::Mutex<Option<Instant>>>,
}

#[derive(Debug)]
struct Current {
    set: Option<Arc<KeySet>>,
    /// When somebody last saw to it that the keys are not too old.
    checked: Instant,
}

impl Keys {
    /// Reads a file, which has to be there. An address is asked with the first token: an issuer
    /// that starts after the bridge is no reason not to start.
    pub(super) fn new(source: KeySource) -> Result<Self, KeysError> {
        let named = |reason| KeysError {
            source_name: source.to_string(),
            reason,
        };
        let set = match &source {
            KeySource::File(path) => {
                let json = std::fs::read(path).map_err(|error| named(error.to_string()))?;
                Some(Arc::new(KeySet::parse(&json, true).map_err(named)?))
            }
            KeySource::Url(url) => {
                fetch::check(url).map_err(named)?;
                None
            }
        };
        Ok(Self(Arc::new(Shared {
            source,
            current: Mutex::new(Current {
                set,
                checked: Instant::now(),
            }),
            looked: Arc::default(),
        })))
    }

    /// Returns a key, after another look if it is not known.
    pub(super) async fn find(
        &self,
        id: Option<&str>,
        algorithm: Algorithm,
    ) -> Result<Option<Arc<Key>>, Unavailable> {
        let (known, is_stale) = self.0.current();
        if let Some(key) = known.and_then(|set| set.find(id, algorithm)) {
            if is_stale {
                // Nobody waits for it: the keys at hand are good until others are.
                tokio::spawn(self.0.clone().look(MISS_EVERY));
            }
            return Ok(Some(key));
        }
        let pause = match self.0.current().0 {
            Some(_) => MISS_EVERY,
            None => RETRY_EVERY,
        };
        // A task of its own, so that a client that leaves does not take the look along.
        let _ = tokio::spawn(self.0.clone().look(pause)).await;
        let set = self.0.current().0.ok_or(Unavailable)?;
        Ok(set.find(id, algorithm))
    }
}

impl Shared {
    /// Returns the keys, and whether it is the caller who should see to their age.
    fn current(&self) -> (Option<Arc<KeySet>>, bool) {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        let is_stale = current.checked.elapsed() >= STALE_AFTER;
        if is_stale {
            current.checked = Instant::now();
        }
        (current.set.clone(), is_stale)
    }

    /// Looks for keys, unless that was done within `pause`.
    async fn look(self: Arc<Self>, pause: Duration) {
        let mut looked = self.looked.lock().await;
        if looked.is_some_and(|began| began.elapsed() < pause) {
            return;
        }
        *looked = Some(Instant::now());
        match self.load().await {
            Ok(set) => {
                let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
                current.set = Some(Arc::new(set));
                current.checked = Instant::now();
            }
            Err(reason) => {
                tracing::warn!(source = %self.source, "the keys for tokens cannot be read: {reason}");
            }
        }
    }

    async fn load(&self) -> Result<KeySet, String> {
        match &self.source {
            KeySource::File(path) => {
                // A small file, once a minute at most.
                let json = std::fs::read(path).map_err(|error| error.to_string())?;
                KeySet::parse(&json, true)
            }
            KeySource::Url(url) => KeySet::parse(&fetch::get(url).await?, false),
        }
    }
}
