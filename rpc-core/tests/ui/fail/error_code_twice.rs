use rpc_core::prelude::*;

#[derive(Debug, thiserror::Error, RpcError)]
enum UserError {
    #[error("no user")]
    NotFound,
    #[error("no friend")]
    #[rpc(code = "not_found")]
    NoFriend,
    #[error("hidden")]
    #[rpc(internal)]
    Hidden,
    #[error("hidden too")]
    #[rpc(internal)]
    HiddenToo,
}

fn main() {}
