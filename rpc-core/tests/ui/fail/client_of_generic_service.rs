use rpc_core::prelude::*;

struct Repository<S>(S);

#[rpc(client = "RepositoryClient")]
impl<S: Send + Sync + 'static> Repository<S> {
    #[rpc]
    async fn count(&self) {}
}

fn main() {}
