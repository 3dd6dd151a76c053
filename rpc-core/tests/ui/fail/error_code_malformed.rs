use rpc_core::prelude::*;

#[derive(Debug, thiserror::Error, RpcError)]
enum UserError {
    #[error("no user")]
    #[rpc(code = "User-NotFound", status = 404)]
    NotFound,
    #[error("taken")]
    #[rpc(code = "user..taken", status = 409)]
    Taken,
    #[error("gone")]
    #[rpc(code = 410, status = 410)]
    Gone,
    #[error("groß")]
    #[rpc(status = 413)]
    Groß,
}

fn main() {}
