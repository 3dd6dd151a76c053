use rpc_core::prelude::*;

#[derive(Debug, thiserror::Error, RpcError)]
enum UserError {
    #[error("no user")]
    #[rpc(status = 410)]
    NotFound,
}

fn main() {}
