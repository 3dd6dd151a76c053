//! The names a user may take from under an expansion: the prelude's, crates', the macro's own.
#![no_implicit_prelude]
#![deny(warnings)]
#![allow(dead_code, non_camel_case_types)]

mod core {}
mod std {}
mod serde {}

struct Result;
struct Option;
struct String;
struct Vec;
struct Box;
struct Ok;
struct Some;
struct Default;
struct From;
struct Into;
trait Send {}
trait Sync {}
trait Future {}
trait Service {}
struct Endpoint;
struct Parameter;
struct bool;

/// Takes every method name that an expansion calls.
trait Everything {
    fn required(&self) {}
    fn or_else(&self) {}
    fn into_reply(&self) {}
    fn into_ended(&self) {}
}
impl<T> Everything for T {}

struct Greeter;

#[::rpc_core::rpc]
impl Greeter {
    #[rpc(timeout = "1s", limit = 1)]
    async fn hello(
        &self,
        name: &str,
        #[rpc(default)] a: u8,
        #[rpc(default = "x")] b: &str,
        #[rpc(default = arg_name())] arg_name: u8,
        #[rpc(default = service())] service: u8,
        #[rpc(args)] rest: ::std::vec::Vec<u8>,
    ) -> ::std::string::String {
        let _ = (name, a, b, arg_name, service, rest);
        ::std::string::String::new()
    }

    #[::rpc_core::event_handler("a.b")]
    #[::rpc_core::timer("1s", eager)]
    #[::rpc_core::cron("0 3 * * *")]
    #[::rpc_core::on_start]
    async fn refresh(&self, context: &::rpc_core::Context) -> ::std::result::Result<(), ::rpc_core::RpcError> {
        let _ = context;
        ::std::result::Result::Ok(())
    }

    #[::rpc_core::on_stop]
    async fn service(&self) {}

    #[::rpc_core::rpc]
    async fn goodbye(&self) -> ::std::result::Result<(), ::rpc_core::RpcError> {
        ::std::result::Result::Ok(())
    }
}

fn arg_name() -> u8 {
    1
}

fn service() -> u8 {
    2
}

fn main() {
    let _ = <Greeter as ::rpc_core::Service>::endpoints();
    let _ = <Greeter as ::rpc_core::Service>::entrypoints();
}
