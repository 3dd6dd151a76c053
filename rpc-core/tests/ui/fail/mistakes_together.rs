use rpc_core::prelude::*;

struct Greeter;

#[rpc(nmae = "greeter", version = "one")]
impl Greeter {
    #[rpc(timeout = "soon")]
    fn hello(&mut self, name: &mut str, #[rpc(keywrod)] greeting: &str) -> String {
        format!("{greeting}, {name}")
    }

    #[rpc(name = "hello", limit = "many")]
    async fn goodbye<T>(&self, #[rpc(args)] a: Vec<T>, #[rpc(args)] b: Vec<u8>) {}
}

fn serve(_: impl Service) {}

fn main() {
    // What uses the service reports nothing more.
    serve(Greeter);
}
