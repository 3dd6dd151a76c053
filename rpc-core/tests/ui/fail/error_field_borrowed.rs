use rpc_core::prelude::*;

#[derive(Debug, thiserror::Error, RpcError)]
enum UserError {
    #[error("{field} is missing")]
    #[rpc(status = 422)]
    Missing { field: &'static str },
}

fn main() {}
