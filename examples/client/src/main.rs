//! Calls a greeting service on `NATS_URL`: `cargo run -p greeting-client -- Bob Ross`.

use std::error::Error;

use greeting_contract::GreetingClient;
use greeting_contract::rpc_core::{Client, Config};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut names = std::env::args().skip(1);
    let first_name = names.next().unwrap_or_else(|| "Bob".to_owned());
    let client = Client::connect(Config::from_env()).await?;
    let greeting = GreetingClient::new(&client);
    let mut hello = greeting.hello(first_name);
    if let Some(last_name) = names.next() {
        hello = hello.last_name(last_name);
    }
    println!("{}", hello.await?);
    Ok(())
}
