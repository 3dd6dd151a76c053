use rpc_core::prelude::*;

struct Tx;

struct Things;

impl FromContext<Things> for Tx {
    async fn from_context(_: &Things, _: &Context) -> Result<Self, RpcError> {
        Ok(Self)
    }
}

#[rpc]
impl Things {
    #[rpc]
    async fn create(&self, #[rpc(context, default)] tx: &Tx, #[rpc(rename = "t", context = "yes")] two: Tx) {
        _ = (tx, two);
    }
}

fn main() {}
