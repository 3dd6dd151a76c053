use rpc_core::prelude::*;

#[derive(serde::Deserialize)]
struct Name(String);

struct Greeter;

#[rpc]
impl Greeter {
    #[rpc]
    async fn hello(&self, name: Name, title: Option<&Name>) -> String {
        _ = title.map(|title| &title.0);
        name.0
    }
}

fn call(client: &GreeterClient) {
    let _ = client.hello(Name("Bob".to_owned()));
}

fn main() {}
