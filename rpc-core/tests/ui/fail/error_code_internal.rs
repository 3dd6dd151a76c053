use rpc_core::prelude::*;

#[derive(Debug, thiserror::Error, RpcError)]
enum UserError {
    #[error("the database says: {0}")]
    Internal(#[from] std::io::Error),
}

fn main() {}
