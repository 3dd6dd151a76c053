//! Files that are gone again after the test.

use std::path::{Path, PathBuf};

pub struct File(PathBuf);

impl File {
    pub fn new(name: &str, text: impl AsRef<[u8]>) -> Self {
        let name = format!("http-bridge-{:016x}-{name}", fastrand::u64(..));
        let file = Self(std::env::temp_dir().join(name));
        file.write(text);
        file
    }

    pub fn write(&self, text: impl AsRef<[u8]>) {
        std::fs::write(&self.0, text).unwrap();
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    pub fn name(&self) -> &str {
        self.0.to_str().unwrap()
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}
