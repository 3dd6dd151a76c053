//! What has run: a number for each key, and a journal that outlives the process.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::path::Path;
use std::process;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Numbers by key; each addition also goes to the journal, where there is one.
#[derive(Debug, Default)]
pub struct Ledger {
    numbers: Mutex<BTreeMap<String, u64>>,
    journal: Option<File>,
}

impl Ledger {
    /// Creates a ledger that writes a line `<process id> <key>` for each addition. Instances may
    /// share the file, and what they wrote stays when they are killed.
    ///
    /// # Errors
    /// That of opening the file.
    pub fn with_journal(path: &Path) -> io::Result<Self> {
        let journal = OpenOptions::new().create(true).append(true).open(path)?;
        Ok(Self {
            journal: Some(journal),
            ..Self::default()
        })
    }

    /// Adds one to `key` and returns its number.
    ///
    /// # Panics
    /// When the journal cannot be written: what is not in it would count as not having run.
    pub fn add(&self, key: &str) -> u64 {
        if let Some(mut journal) = self.journal.as_ref() {
            // One write of one line: appended whole, whoever else appends. It goes to memory of the
            // system, so it is not worth a thread of its own.
            let line = format!("{} {key}\n", process::id());
            let written = journal.write_all(line.as_bytes());
            written.expect("the journal takes lines");
        }
        let mut numbers = self.lock();
        let number = numbers.entry(key.to_owned()).or_default();
        *number += 1;
        *number
    }

    /// Sets the number of `key`.
    pub fn set(&self, key: &str, number: u64) {
        self.lock().insert(key.to_owned(), number);
    }

    /// Returns all keys with their numbers.
    pub fn numbers(&self) -> BTreeMap<String, u64> {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, u64>> {
        self.numbers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
