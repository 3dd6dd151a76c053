use rpc_core::prelude::*;

#[derive(serde::Serialize, serde::Deserialize)]
struct Greeting<'a> {
    text: &'a str,
}

struct Greeter;

#[rpc]
impl Greeter {
    #[rpc]
    async fn hello<'a>(&self, name: &'a str) -> Result<Greeting<'a>, RpcError> {
        Ok(Greeting { text: name })
    }
}

async fn call(client: &GreeterClient) {
    let _ = client.hello("Bob").await;
}

fn main() {}
