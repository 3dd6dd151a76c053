//! Every form of an error type.
#![deny(warnings)]

use std::borrow::Cow;
use std::fmt::{self, Debug, Display, Formatter};
use std::io;

use rpc_core::WireError;
use rpc_core::prelude::*;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

#[derive(Debug, PartialEq, Serialize, Deserialize)]
enum Field {
    Name,
    Age { least: u8 },
}

/// With `thiserror`, whose attributes stay its own.
#[derive(Debug, thiserror::Error, RpcError)]
enum UserError {
    #[error("no user {id}")]
    #[rpc(code = "user.not_found", status = 404)]
    NotFound { id: i64 },
    #[error("taken")]
    #[rpc(status = 409, retryable)]
    Taken,
    #[error("{0:?} is not valid: {1}")]
    #[rpc(code = "user.invalid")]
    #[rpc(status = 422)]
    Invalid(Field, Cow<'static, str>),
    #[error("the mailer failed {attempts} times")]
    #[rpc(code = "user.mail", status = 502)]
    Mail {
        #[source]
        cause: io::Error,
        attempts: u8,
    },
    #[error(transparent)]
    #[rpc(internal)]
    Db(#[from] io::Error),
}

/// With nothing but `Display`; all codes are the contract's.
#[derive(RpcError)]
enum Plain {
    NotFound,
    Unavailable {},
    Unimplemented(),
    #[rpc(code = "aborted", status = 409)]
    Conflict { r#type: Option<String> },
    #[rpc(status = 599)]
    r#Try(#[rpc(source)] String, u8),
}

impl Display for Plain {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("plain")
    }
}

#[derive(Debug, thiserror::Error, RpcError)]
#[error("user {id} is gone")]
#[rpc(code = "user.gone", status = 410)]
struct Gone {
    id: i64,
}

#[derive(Debug, thiserror::Error, RpcError)]
#[error("teapot")]
#[rpc(status = 418)]
struct Teapot;

#[derive(Debug, thiserror::Error, RpcError)]
#[error("hidden")]
#[rpc(internal)]
struct Hidden<T: Debug>(T);

/// Generic over what it says, what it was caused by, and what it hides.
#[derive(Debug, RpcError)]
enum Generic<T, S, E, const N: usize>
where
    E: Debug,
{
    #[rpc(status = 400)]
    Told { values: Vec<T> },
    #[rpc(status = 502)]
    Caused(#[rpc(source)] S),
    #[rpc(internal)]
    Hidden([E; N]),
}

impl<T, S, E: Debug, const N: usize> Display for Generic<T, S, E, N> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("generic")
    }
}

impl<T: Debug, S: Debug, E: Debug, const N: usize> std::error::Error for Generic<T, S, E, N> {}

#[derive(RpcError)]
enum Never {}

#[derive(Debug, thiserror::Error, RpcError)]
enum Opaque {
    #[error("hidden")]
    #[rpc(internal)]
    Hidden,
}

/// Made by another macro, whose names are its own.
macro_rules! failure {
    ($name:ident { $($variant:ident($ty:ty) = $status:literal),* }) => {
        #[derive(Debug, thiserror::Error, RpcError)]
        enum $name {
            $(#[error("{0}")] #[rpc(status = $status)] $variant($ty),)*
            #[error("hidden")]
            #[rpc(internal)]
            Hidden,
        }
    };
}

failure!(Made { One(u8) = 400, Two(String) = 401 });

fn again<E: WireError + Into<RpcError>>(error: E) -> Option<E> {
    E::from_rpc_error(error.into()).ok()
}

fn every_generic<T, S>(error: Generic<T, S, io::Error, 2>) -> RpcError
where
    T: Debug + Serialize + DeserializeOwned + Send + Sync + 'static,
    S: std::error::Error + Send + Sync + 'static,
{
    error.into()
}

fn main() {
    _ = (Field::Name, Never::from_rpc_error, Plain::Unavailable {}, Plain::Unimplemented());
    let age = UserError::Invalid(Field::Age { least: 18 }, "young".into());
    assert!(matches!(again(age), Some(UserError::Invalid(Field::Age { least: 18 }, text)) if text == "young"));
    assert!(matches!(again(UserError::NotFound { id: 7 }), Some(UserError::NotFound { id: 7 })));
    assert!(matches!(again(UserError::Taken), Some(UserError::Taken)));
    assert!(again(UserError::Db(io::Error::other("secret"))).is_none());
    let cause = io::Error::other("refused");
    assert!(again(UserError::Mail { cause, attempts: 3 }).is_none());

    let conflict = Plain::Conflict { r#type: Some("x".to_owned()) };
    assert!(matches!(again(conflict), Some(Plain::Conflict { r#type: Some(text) }) if text == "x"));
    assert!(matches!(again(Plain::NotFound), Some(Plain::NotFound)));
    let error = RpcError::from(Plain::Try("because".to_owned(), 1));
    assert_eq!((error.code(), error.status()), ("try", 599));
    assert_eq!(std::error::Error::source(&error).unwrap().to_string(), "because");

    assert!(matches!(again(Made::One(1)), Some(Made::One(1))));
    _ = (Made::Two(String::new()), Made::Hidden);

    assert_eq!(again(Gone { id: 7 }).unwrap().id, 7);
    assert!(again(Teapot).is_some());
    assert_eq!(RpcError::from(Hidden("x")).code(), "internal");
    assert_eq!(RpcError::from(Opaque::Hidden).code(), "internal");
    let told = every_generic(Generic::<_, io::Error, _, 2>::Told { values: vec![1] });
    assert_eq!(told.details().unwrap()["values"][0], 1);
    _ = every_generic(Generic::<u8, _, _, 2>::Caused(io::Error::other("")));
    _ = Generic::<u8, io::Error, u8, 1>::Hidden([1]);
}
