//! Every form of a result.
#![deny(warnings)]

use rpc_core::prelude::*;
use serde::Serialize;

#[derive(Serialize)]
struct Point<'a> {
    label: &'a str,
}

struct Oops;

impl From<Oops> for RpcError {
    fn from(_: Oops) -> Self {
        RpcError::not_found("oops")
    }
}

type Fallible<T> = Result<T, Oops>;

struct Forms {
    name: String,
}

#[rpc]
impl Forms {
    #[rpc]
    async fn nothing(&self) {}

    #[rpc]
    async fn unit(&self) -> () {}

    #[rpc]
    async fn value(&self) -> Vec<u8> {
        vec![1]
    }

    #[rpc]
    async fn optional(&self) -> Option<u8> {
        None
    }

    #[rpc]
    async fn fallible(&self) -> Result<u8, RpcError> {
        Ok(1)
    }

    #[rpc]
    async fn fallible_nothing(&self) -> Result<(), Oops> {
        Err(Oops)
    }

    #[rpc]
    async fn alias(&self) -> Fallible<u8> {
        Err(Oops)
    }

    #[rpc]
    async fn reply(&self) -> Reply {
        Reply::new().result(1).keyword("exact", true)
    }

    #[rpc]
    async fn fallible_reply(&self) -> Result<Reply, Oops> {
        Ok(Reply::new())
    }

    #[rpc]
    async fn of_self(&self) -> &str {
        &self.name
    }

    #[rpc]
    async fn borrowed<'a>(&'a self, label: &'a str) -> Result<Point<'a>, RpcError> {
        Ok(Point { label })
    }
}

fn main() {
    assert_eq!(Forms::endpoints().len(), 11);
}
