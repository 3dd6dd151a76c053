use rpc_core::prelude::*;

struct Greeter;

#[rpc]
impl Greeter {
    #[rpc]
    async fn hello(&self, first_name: &str, #[rpc(default)] last_name: &str) -> String {
        format!("{first_name} {last_name}")
    }
}

async fn call(client: &GreeterClient) {
    let _ = client.hello().last_name("Ross").await;
}

fn main() {}
