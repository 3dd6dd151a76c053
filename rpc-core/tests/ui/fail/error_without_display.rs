use rpc_core::prelude::*;

#[derive(Debug, RpcError)]
enum UserError {
    NotFound,
}

fn main() {}
