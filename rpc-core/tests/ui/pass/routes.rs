//! Routes over plain HTTP, and what discovery says of them.

use rpc_core::HttpRoute;
use rpc_core::prelude::*;

struct Users;

#[derive(serde::Deserialize)]
struct User {
    name: String,
}

#[rpc]
impl Users {
    #[rpc(http(GET, "/v1/user/{id}"), http(GET, "/v1/u/{id}",))]
    async fn get(&self, id: u64) -> u64 {
        id
    }

    #[rpc(http(POST, "/v1/user", status = 201), http(PUT, "/v1/user/{key}"))]
    async fn put(&self, #[rpc(body)] user: User, #[rpc(default, rename = "key")] id: u64) -> String {
        format!("{id} {}", user.name)
    }

    // One shape of path with two verbs, and names of its own.
    #[rpc(http(DELETE, "/v1/user/{which}"))]
    async fn delete(&self, which: u64) {
        let _ = which;
    }
}

fn main() {
    let endpoints = Users::endpoints();
    let route = HttpRoute::new;
    let get = endpoints[0].spec.options;
    assert_eq!(
        get.http,
        [
            route("GET", "/v1/user/{id}", None, None),
            route("GET", "/v1/u/{id}", None, None)
        ]
    );
    assert!(get.safe && get.idempotent, "GET promises it");
    let put = endpoints[1].spec.options;
    assert_eq!(
        put.http,
        [
            route("POST", "/v1/user", Some(201), Some("user")),
            route("PUT", "/v1/user/{key}", None, Some("user"))
        ]
    );
    assert!(!put.safe && !put.idempotent);
    assert_eq!(endpoints[2].spec.options.http.len(), 1);
}
