use rpc_core::prelude::*;

#[derive(Debug, thiserror::Error, RpcError)]
#[rpc(crat = rpc_core, status = 404)]
enum UserError {
    #[error("no user {id}")]
    #[rpc(stauts = 404, colour = "red")]
    NotFound {
        #[rpc(skip)]
        id: i64,
    },
}

fn main() {}
