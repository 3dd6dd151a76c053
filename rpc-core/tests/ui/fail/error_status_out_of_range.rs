use rpc_core::prelude::*;

#[derive(Debug, thiserror::Error, RpcError)]
enum UserError {
    #[error("no user")]
    #[rpc(status = 399)]
    Missing,
    #[error("taken")]
    #[rpc(status = 600)]
    Taken,
    #[error("gone")]
    #[rpc(status = "410")]
    Gone,
}

fn main() {}
