use rpc_core::prelude::*;

#[derive(Debug, thiserror::Error, RpcError)]
enum UserError {
    #[error("no user {id}")]
    #[rpc(code = "user not found", status = 4040)]
    NotFound { id: i64 },
    #[error("taken")]
    #[rpc(stauts = 409)]
    Taken,
    #[error("taken, too")]
    #[rpc(code = "taken", status = 409)]
    TakenToo,
    #[error(transparent)]
    #[rpc(internal, status = 503)]
    Db(#[from] std::io::Error),
}

struct Users;

#[rpc]
impl Users {
    #[rpc]
    async fn get(&self) -> Result<u8, UserError> {
        Err(UserError::Taken)
    }
}

fn main() {}
