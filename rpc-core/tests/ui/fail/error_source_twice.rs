use rpc_core::prelude::*;

#[derive(Debug, RpcError)]
enum UserError {
    #[rpc(status = 502)]
    Upstream(#[rpc(source)] std::io::Error, #[rpc(source)] std::fmt::Error),
}

impl std::fmt::Display for UserError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("upstream")
    }
}

fn main() {}
