use rpc_core::prelude::*;

#[derive(Debug)]
struct Reason;

#[derive(Debug, thiserror::Error, RpcError)]
enum UserError {
    #[error("no user {id}")]
    #[rpc(code = "user.not_found", status = 404)]
    NotFound { id: i64, reason: Reason },
}

fn main() {}
