use rpc_core::prelude::*;

#[derive(Debug, RpcError)]
enum UserError {
    #[rpc(internal)]
    Db(String),
}

impl std::fmt::Display for UserError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("hidden")
    }
}

fn main() {}
