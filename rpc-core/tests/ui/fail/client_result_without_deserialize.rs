use rpc_core::prelude::*;

#[derive(serde::Serialize)]
struct Greeting(String);

struct Greeter;

#[rpc]
impl Greeter {
    #[rpc]
    async fn hello(&self) -> Greeting {
        Greeting("Hello".to_owned())
    }
}

async fn call(client: &GreeterClient) {
    let _ = client.hello().await;
}

fn main() {}
