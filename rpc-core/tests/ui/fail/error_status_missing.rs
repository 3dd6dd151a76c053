use rpc_core::prelude::*;

#[derive(Debug, thiserror::Error, RpcError)]
enum UserError {
    #[error("no user")]
    NotFound,
    #[error("taken")]
    Taken,
    #[error("gone")]
    #[rpc(code = "user.gone")]
    Gone,
}

fn main() {}
