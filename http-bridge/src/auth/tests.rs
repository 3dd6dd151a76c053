//! Time: when tokens begin and end, and when keys are looked for again.

use std::path::PathBuf;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac;
use serde_json::{Value, json};
use tokio::time::advance;

use super::*;
use crate::config::{Algorithm, KeySource};

/// A file of keys that is gone again after the test.
struct File(PathBuf);

impl File {
    fn new(keys: &[&str]) -> Self {
        let name = format!("http-bridge-keys-{:016x}", fastrand::u64(..));
        let file = Self(std::env::temp_dir().join(name));
        file.write(keys);
        file
    }

    /// Writes keys whose secret is their name.
    fn write(&self, keys: &[&str]) {
        let key = |name: &&str| json!({ "kty": "oct", "kid": name, "k": encode(name) });
        let set = json!({ "keys": keys.iter().map(key).collect::<Vec<_>>() });
        std::fs::write(&self.0, set.to_string()).unwrap();
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

fn gate(file: &File, leeway: u64) -> Gate {
    Gate::new(Auth {
        algorithms: vec![Algorithm::HS256],
        leeway: Duration::from_secs(leeway),
        ..Auth::new(KeySource::File(file.0.clone()), "me", "you")
    })
    .unwrap()
}

fn encode(text: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(text)
}

fn token(key: &str, more: Value) -> String {
    let mut claims = json!({ "iss": "me", "aud": "you", "sub": "bob", "exp": 1_000 });
    for (name, value) in more.as_object().unwrap() {
        claims[name] = value.clone();
    }
    let header = json!({ "alg": "HS256", "kid": key });
    let signed = format!(
        "{}.{}",
        encode(header.to_string()),
        encode(claims.to_string())
    );
    let secret = hmac::Key::new(hmac::HMAC_SHA256, key.as_bytes());
    let signature = encode(hmac::sign(&secret, signed.as_bytes()));
    format!("{signed}.{signature}")
}

#[tokio::test]
async fn a_token_lives_from_its_beginning_to_its_end_and_a_leeway_more() {
    let file = File::new(&["k"]);
    let token = token("k", json!({ "nbf": 500 }));
    for (leeway, now, taken) in [
        (0, 499.9, false),
        (0, 500.0, true),
        (0, 999.9, true),
        (0, 1_000.0, false),
        (60, 439.0, false),
        (60, 440.0, true),
        (60, 1_059.0, true),
        (60, 1_060.0, false),
    ] {
        let verified = gate(&file, leeway).verify(&token, now).await;
        assert_eq!(verified.is_ok(), taken, "leeway {leeway}, at {now}");
    }
    for exp in [json!(1e300), json!(-1), json!(0)] {
        let text = exp.to_string();
        let verified = gate(&file, 0)
            .verify(&self::token("k", json!({ "exp": exp })), 1.0)
            .await;
        assert_eq!(
            verified.is_ok(),
            text == "1e+300" || text == "1e300",
            "{text}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn keys_change_without_a_restart() {
    let file = File::new(&["old"]);
    let gate = gate(&file, 0);
    let (old, new) = (token("old", json!({})), token("new", json!({})));
    let taken = async |token: &str| gate.verify(token, 1.0).await.is_ok();
    assert!(taken(&old).await && !taken(&new).await);
    file.write(&["old", "new"]);
    // The miss of just now still stands.
    assert!(!taken(&new).await);
    advance(Duration::from_secs(60)).await;
    assert!(taken(&new).await && taken(&old).await);

    // A key that was taken back is forgotten, although nobody asks for another.
    file.write(&["new"]);
    advance(Duration::from_secs(300)).await;
    assert!(taken(&old).await, "the look goes on in the background");
    tokio::task::yield_now().await;
    assert!(!taken(&old).await && taken(&new).await);

    // Keys at hand outlive a file that cannot be read.
    std::fs::write(&file.0, "nonsense").unwrap();
    advance(Duration::from_secs(301)).await;
    assert!(taken(&new).await);
    tokio::task::yield_now().await;
    assert!(taken(&new).await);
}
