use rpc_core::prelude::*;

#[derive(Debug, thiserror::Error, RpcError)]
enum UserError {
    #[error(transparent)]
    #[rpc(internal, code = "user.db", status = 503, retryable)]
    Db(#[from] std::io::Error),
}

fn main() {}
