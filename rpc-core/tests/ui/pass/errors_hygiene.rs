//! The names a user may take from under an expansion of the derive.
#![no_implicit_prelude]
#![deny(warnings)]
#![allow(dead_code, non_camel_case_types)]

mod core {}
mod std {}
mod serde {}

struct Result;
struct Option;
struct String;
struct Ok;
struct Err;
struct Some;
struct None;
struct From;
struct Into;
struct Display;
struct RpcError;
struct Code;
struct str;
struct u16;
trait WireError {}
trait ToString {}

/// Takes every method name that an expansion calls.
trait Everything {
    fn code(&self) {}
    fn with_retryable(&self) {}
    fn from(&self) {}
    fn from_rpc_error(&self) {}
}
impl<T> Everything for T {}

#[derive(::rpc_core::RpcError)]
enum Failure {
    #[rpc(status = 400, retryable)]
    Named { error: u8, message: u8, field_0: u8, r#match: u8 },
    #[rpc(status = 400)]
    Unnamed(u8, #[rpc(source)] ::std::string::String),
    NotFound,
    #[rpc(internal)]
    Hidden,
}

impl ::std::fmt::Debug for Failure {
    fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
        f.write_str("failure")
    }
}

impl ::std::fmt::Display for Failure {
    fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
        f.write_str("failure")
    }
}

impl ::std::error::Error for Failure {}

/// The library under another path; an item named like the library does not matter.
mod renamed {
    use ::rpc_core as my_rpc;

    mod rpc_core {}

    #[derive(Debug, my_rpc::RpcError)]
    #[rpc(crate = my_rpc)]
    pub enum Failure {
        NotFound,
    }

    #[derive(Debug, my_rpc::RpcError)]
    #[rpc(status = 410, crate = crate::renamed::my_rpc)]
    pub struct Gone;

    impl ::std::fmt::Display for Failure {
        fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
            f.write_str("failure")
        }
    }

    impl ::std::fmt::Display for Gone {
        fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
            f.write_str("gone")
        }
    }
}

fn main() {
    let _ = <::rpc_core::RpcError as ::std::convert::From<Failure>>::from(Failure::NotFound);
    let _ = <renamed::Gone as ::rpc_core::WireError>::from_rpc_error;
}
