//! Every form of a client, and services whose types do not travel both ways.
#![deny(warnings)]

use rpc_core::prelude::*;
use rpc_core::{CallError, Client};
use serde::{Deserialize, Serialize};

#[derive(Deserialize)]
struct Heard(String);

#[derive(Serialize)]
struct Said(String);

struct Oops;

impl From<Oops> for RpcError {
    fn from(_: Oops) -> Self {
        RpcError::not_found("oops")
    }
}

struct Parrot;

impl Parrot {
    const LETTERS: usize = 2;
}

#[rpc]
impl Parrot {
    #[rpc]
    async fn repeat(&self, words: Heard, others: &[Heard], last: Option<&Heard>) -> Result<Said, Oops> {
        _ = (others.iter().map(|word| &word.0), last.map(|last| &last.0));
        Ok(Said(words.0))
    }

    #[rpc]
    async fn letters(&self, letters: [char; Self::LETTERS]) -> [char; Self::LETTERS] {
        letters
    }
}

struct Renamed;

#[rpc(client = "Caller")]
impl Renamed {
    /// Says hello.
    #[rpc(idempotent)]
    async fn hello(&self, name: &str) -> String {
        name.to_owned()
    }
}

struct Several;

#[rpc]
impl Several {
    #[rpc]
    async fn names(&self, call: Option<K>, #[rpc(default)] this: R) -> Vec<K> {
        _ = this;
        call.into_iter().collect()
    }
}

#[derive(Deserialize, Serialize)]
struct K(u8);

#[derive(Default, Deserialize, Serialize)]
struct R(u8);

struct Alone;

#[rpc(client = false)]
impl Alone {
    #[rpc]
    async fn hello(&self) {}
}

struct AloneClient;

async fn calls(client: &Client) -> Result<(), CallError> {
    let letters: [char; 2] = ParrotClient::new(client).letters(['a', 'b']).await?;
    let hello = Caller::new(&client.clone()).hello("Bob").await?;
    let text: String = call!(client, greeting_service.hello("Bob", last_name = "Ross")).await?;
    let none: () = call!(client.clone(), eu.v2.greeting_service.hello()).await?;
    let all: u8 = call!(&client, a.b(1, 1 == 1, {2 + 2}, type = 1, from = [1, 2],),).await?;
    let () = none;
    for K(name) in SeveralClient::new(client).names().call(K(1)).this(R(2)).await? {
        _ = name;
    }
    _ = (letters, hello, text, all);
    call!(client, a.b(1,)).send().await
}

fn main() {
    _ = calls;
    let (Said(said), AloneClient) = (Said(String::new()), AloneClient);
    assert_eq!(said.len() + Alone::endpoints().len() + Parrot::endpoints().len(), 3);
    assert_eq!(Renamed::endpoints().len() + Several::endpoints().len(), 2);
}
