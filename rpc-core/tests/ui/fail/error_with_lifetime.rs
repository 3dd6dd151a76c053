use rpc_core::prelude::*;

#[derive(Debug, thiserror::Error, RpcError)]
enum UserError<'a> {
    #[error("{0} is missing")]
    #[rpc(status = 422)]
    Missing(std::borrow::Cow<'a, str>),
}

fn main() {}
