use rpc_core::prelude::*;

struct Greeter;

#[rpc]
impl Greeter {
    #[rpc(http(GET, "/livez"), http(get, "/v1/a"), http(HEAD, "/v1/b"), http(BREW, "/v1/c"))]
    async fn verbs(&self) {}

    #[rpc(http(POST, "greeter.hello"), http(POST, "/greeter.hello"), http(PUT, "/v1/{a}/{a}"))]
    async fn paths(&self, a: String) {}

    #[rpc(http("GET", "/v1/d"), http(GET), http, http = "/v1/e", http(GET, "/v1/f", status = 404))]
    async fn forms(&self) {}

    #[rpc(http(GET, "/v1/g", code = 201), internal)]
    async fn options(&self) {}

    #[rpc(http(GET, "/v1/h"), internal)]
    async fn hidden(&self) {}
}

fn main() {}
