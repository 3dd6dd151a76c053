use rpc_core::prelude::*;

async fn tell(context: &Context) -> Result<(), RpcError> {
    context.emit("told", "lamp").await?;
    Ok(())
}

fn main() {}
