//! An issuer of tokens, and what it may be made to say.

use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac;
use ring::rand::SystemRandom;
use ring::rsa::PublicKeyComponents;
use ring::signature::{
    self, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RsaKeyPair,
};
use serde_json::{Value, json};

pub const ISSUER: &str = "https://issuer.example";
pub const AUDIENCE: &str = "bridge";

/// Keys of every kind, named after it.
pub struct Issuer {
    rsa: RsaKeyPair,
    ec: EcdsaKeyPair,
    ed: Ed25519KeyPair,
    pub secret: Vec<u8>,
}

impl Issuer {
    pub fn new() -> Self {
        let random = SystemRandom::new();
        let ec = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
        let ed = Ed25519KeyPair::generate_pkcs8(&random).unwrap();
        Self {
            // It takes seconds to make one.
            rsa: RsaKeyPair::from_pkcs8(include_bytes!("rsa_key_of_tests.der")).unwrap(),
            ec: EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, ec.as_ref(), &random)
                .unwrap(),
            ed: Ed25519KeyPair::from_pkcs8(ed.as_ref()).unwrap(),
            secret: (0..32).map(|_| fastrand::u8(..)).collect(),
        }
    }

    /// The public keys, and the secret one.
    pub fn jwks(&self) -> Value {
        let public = PublicKeyComponents::<Vec<u8>>::from(self.rsa.public());
        let point = self.ec.public_key().as_ref();
        json!({ "keys": [
            { "kty": "RSA", "kid": "rsa", "use": "sig", "n": encode(public.n), "e": encode(public.e) },
            { "kty": "EC", "crv": "P-256", "kid": "ec", "alg": "ES256",
              "x": encode(&point[1..33]), "y": encode(&point[33..]) },
            { "kty": "OKP", "crv": "Ed25519", "kid": "ed", "x": encode(self.ed.public_key()) },
            { "kty": "oct", "kid": "secret", "k": encode(&self.secret) },
            { "kty": "RSA", "kid": "not-for-signatures", "use": "enc", "n": "AQAB", "e": "AQAB" },
            { "kty": "made-up", "kid": "unknown-kind" },
        ]})
    }

    /// The RSA key as others may read it, in the form that a confused reader takes for a secret.
    pub fn rsa_public(&self) -> Vec<u8> {
        self.rsa.public().as_ref().to_vec()
    }

    pub fn sign(&self, algorithm: &str, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        let rsa = |padding| {
            let mut signed = vec![0; self.rsa.public().modulus_len()];
            self.rsa
                .sign(padding, &random, message, &mut signed)
                .unwrap();
            signed
        };
        match algorithm {
            "RS256" => rsa(&signature::RSA_PKCS1_SHA256),
            "PS512" => rsa(&signature::RSA_PSS_SHA512),
            "ES256" => self.ec.sign(&random, message).unwrap().as_ref().to_vec(),
            "EdDSA" => self.ed.sign(message).as_ref().to_vec(),
            "HS256" => mac(&self.secret, message),
            other => panic!("{other} is not needed"),
        }
    }

    /// A token whose signature is right.
    pub fn token(&self, algorithm: &str, kid: &str, claims: &Value) -> String {
        let header = json!({ "alg": algorithm, "typ": "JWT", "kid": kid });
        token(&header, claims, |message| self.sign(algorithm, message))
    }

    /// An ordinary one.
    pub fn good(&self, subject: &str, scope: &str) -> String {
        let mut claims = claims();
        claims["sub"] = subject.into();
        claims["scope"] = scope.into();
        self.token("ES256", "ec", &claims)
    }
}

/// Claims that are in order.
pub fn claims() -> Value {
    let now = now();
    json!({ "iss": ISSUER, "aud": AUDIENCE, "sub": "bob", "iat": now, "exp": now + 300 })
}

pub fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_secs()
}

pub fn token(header: &Value, claims: &Value, sign: impl FnOnce(&[u8]) -> Vec<u8>) -> String {
    let parts = [header, claims].map(|part| encode(part.to_string()));
    let signed = parts.join(".");
    let signature = encode(sign(signed.as_bytes()));
    format!("{signed}.{signature}")
}

pub fn mac(secret: &[u8], message: &[u8]) -> Vec<u8> {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
    hmac::sign(&key, message).as_ref().to_vec()
}

pub fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}
