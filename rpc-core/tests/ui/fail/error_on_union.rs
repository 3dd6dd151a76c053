use rpc_core::prelude::*;

#[derive(RpcError)]
#[rpc(status = 400)]
union UserError {
    a: u8,
    b: i8,
}

fn main() {}
