//! The `#[rpc]` attribute, which turns an `impl` block into a service and a trait into a contract, and
//! the derive for their errors.
//!
//! Use it from `rpc_core`, which re-exports it together with all that its expansion names.
//!
//! A call of the macro goes one way: `item` reads the `impl` block or the trait, `options` and `shape` its
//! attributes and types, `parse` makes the `model` of them, `validate` checks its rules, and
//! `expand` writes code. `errors` collects all mistakes on the way and reports them together.
//! `entrypoint` is what fires a method besides a call. `rpc_error` is the derive, which goes the same way.

mod borrows;
mod entrypoint;
mod errors;
mod expand;
mod item;
mod literal;
mod model;
mod options;
mod parse;
mod route;
mod rpc_error;
mod shape;
mod spans;
mod validate;

use proc_macro::TokenStream;

/// Turns an `impl` block into a service whose methods answer on NATS subjects, and writes its client.
///
/// The attribute stands on the block, on each method that callers may call, and on parameters that
/// need options. It takes itself out and leaves the block as it was, but for an
/// `#[allow(clippy::unused_async)]` on its methods: a service stays a plain struct, and unit tests
/// call its methods directly.
///
/// # On the `impl` block
///
/// The block's doc comment describes the service in discovery. The type may be generic over types
/// and constants, but not over lifetimes, and must be `Send + Sync + 'static`.
///
/// | option | | default |
/// |---|---|---|
/// | `name = "greeting_service"` | the service's token in its subjects | the type, in snake case |
/// | `version = "1.0.0"` | its semantic version, which discovery shows | that of your crate, from `Cargo.toml` |
/// | `prefix = "v2"` | tokens before the name: `v2.greeting_service.hello` | none |
/// | `queue_group = "q"` | the queue group that its instances share | `q` |
/// | `client = "Greeter"` | the name of its typed client; `client = false` leaves it out | the type, and `Client` |
/// | `crate = my_rpc` | where this library is, when it goes by another path | `::rpc_core` |
///
/// The client has a method for each rpc method: what must be given is an argument, what may be left
/// out a setter, and awaiting the call sends it. Its types need serde in the other direction, too,
/// where a call is made: arguments are encoded, results decoded, errors rebuilt. A generic service
/// has none.
///
/// # On a trait
///
/// The trait is a contract: a service without a type, with the same options, and a client named after
/// it. `async fn f(…) -> T` becomes `fn f(…) -> impl Future<Output = T> + Send`, and the trait asks for
/// `Send + Sync + 'static`. It is not generic, and its arguments and results do not name `Self`.
///
/// # On the `impl` block of a contract
///
/// The type becomes a service as the trait says; its methods have no `#[rpc]` of their own.
///
/// | option | | default |
/// |---|---|---|
/// | `version = "1.0.0"` | the implementation's version | the contract's |
/// | `crate = my_rpc` | where this library is, when it goes by another path | `::rpc_core` |
///
/// # On a method
///
/// A method is `async`, takes `&self` and has no type parameters. Its doc comment describes it. It
/// returns any `Serialize` value, `()`, `Result<T, E>` where `E: Into<RpcError>` (under any name),
/// or a `Reply`. Methods without the attribute are no concern of callers.
///
/// | option | | default |
/// |---|---|---|
/// | `name = "hello"` | its token in the subject | the method's name |
/// | `timeout = "15s"` | the longest a call may take: `500ms`, `15s`, `2m`, `1h` | `30s` |
/// | `limit = 8` | how many calls run at once, at least 1 | 1024; one a core with `blocking` |
/// | `queue = 100` | how many calls wait for a running one to end; one more is refused | 1024 |
/// | `when_full = "step_aside"` | an instance that stays full leaves the queue group for a while | `"busy"`: it only refuses |
/// | `blocking` | each call runs on a thread of its own, where it may compute or block | |
/// | `internal` | never callable over HTTP | |
/// | `safe` | changes nothing; implies `idempotent` | |
/// | `idempotent` | a second call changes nothing more, so it may be repeated | |
/// | `scopes("user:write")` | what callers must be allowed to do, all of it; of several, `scopes("a", "b")` | anybody may call |
/// | `http(GET, "/v1/user/{id}")` | answers there over plain HTTP as well; may be given several times | `POST /<service>.<method>` only |
/// | `http(POST, "/v1/user", status = 201)` | the status of a success, 200 to 299 | 200, or 204 without a result |
///
/// A method runs where its call was received until it first waits, and nothing else is received
/// there meanwhile. One that hashes, compresses or asks a blocking library is `blocking`; the log
/// says so of a method that ran for more than 50 ms. Its caller is answered at the deadline or when
/// he gives up, as always, but a thread cannot be stopped: it ends at the method's next `.await`,
/// keeps its slot of `limit` until then, and a stopping process waits for it. The runtime has 512
/// such threads unless it is built otherwise, for all that blocks.
///
/// A call that finds every slot and every waiting place taken is refused at once with
/// `resource_exhausted`, although another instance may be idle: the server deals calls out without
/// looking. With `when_full = "step_aside"`, an instance that stays full for 50 ms takes no more of
/// them, until at most half of its waiting places are taken. Meanwhile they go to the others, and
/// when all have stepped aside, callers read `unavailable` at once. It suits methods whose calls
/// take long, and services with several instances.
///
/// A method with `scopes` runs only for callers whose `Rpc-Scopes` has all of them. Others read
/// `permission_denied`, which names what is missing, or `unauthenticated` when neither `Rpc-Sub` nor
/// `Rpc-Scopes` came with the call. The bridge sets both from a token that it has verified, and drops
/// those that its clients send; whoever may publish on the method's subject on NATS can say what they
/// like, so that is a right to give with care.
///
/// The HTTP bridge learns routes by discovery. Each `{name}` of a path is one segment of it and
/// becomes the argument of that name; the other parameters come from the query, and from the members
/// of a JSON object or of a form. The verb is `GET`, `POST`, `PUT`, `PATCH` or `DELETE`; `HEAD` and
/// `OPTIONS` are answered by themselves, and `GET` makes a method `safe`. A path begins with a text of
/// its own, such as `/v1`; what the bridge needs for itself, such as `/livez` or `/docs`, is refused.
///
/// # On a parameter
///
/// Arguments bind as in Python: positionals in order, keywords by name, and an `Option` may be left
/// out. A parameter named `r#type` is `type` to callers.
///
/// | option | |
/// |---|---|
/// | `default` | may be left out, and is then the default of its type |
/// | `default = 20` | may be left out, and is then this expression, evaluated anew for each call |
/// | `keyword` | can be given by name only |
/// | `args` | collects the positionals that are left, in a `Vec<T>`; parameters after it are `keyword` |
/// | `kwargs` | collects the keywords that are left, in a `Map<String, Value>`, `HashMap<String, T>` or `BTreeMap<String, T>` |
/// | `rename = "from"` | its name for callers |
/// | `sensitive` | its value is a secret: no error quotes it, schemas say so and leave its default out, and pages do not show what is typed |
/// | `body` | is the whole JSON body of the method's `http` routes; on NATS an argument like any other |
/// | `context` | does not come from the message: its type, or what it borrows, implements `FromContext` |
///
/// A text as default, `default = "x"`, fits `&str`, `String`, `Cow<str>` and whatever else is
/// `From<&str>`, also in an `Option`. The default of a borrowed parameter is what it borrows from: a
/// `Vec<T>` for `&[T]`, a `T` for `&T`. A positional parameter without default cannot follow one
/// with a default; an `Option` may come anywhere, since positional callers can give `null`.
///
/// | type | is |
/// |---|---|
/// | `&Context` | the context of the call; recognised by its last path segment, not on the wire |
/// | `&str`, `Cow<str>` | borrowed from the message when the text has no escapes, else decoded |
/// | `&[u8]`, `Cow<[u8]>` | bytes; base64 text in JSON |
/// | `&RawValue` | the JSON of the argument, borrowed from the message |
/// | `&[T]`, `&T` | decoded, and lent to the method |
/// | `Option` of these | the same, or none when absent or `null` |
/// | any other type | decoded; it may borrow from the message, as `Point<'_>` |
///
/// Refused, because a message cannot give them: `&mut T`, `impl Trait`, `&dyn Trait`, `'static`
/// borrows, patterns instead of names, and `&str` inside another type, such as `Vec<&str>`, which
/// would fail for texts with escapes.
#[proc_macro_attribute]
pub fn rpc(argument: TokenStream, item: TokenStream) -> TokenStream {
    expand::rpc(argument.into(), item.into()).into()
}

/// Makes a method handle events: messages on a subject, whose payload binds like the arguments of a
/// call.
///
/// It stands on a method of an `impl` block with `#[rpc]`, and its first argument is the subject that
/// events are published on, `"<source>.<event>"`. `*` stands for one token and a last `>` for all that
/// are left. A method may have several, and `#[rpc]` as well: then callers can call it, too.
///
/// | option | | default |
/// |---|---|---|
/// | `mode = "pool"` | one instance of each service gets an event | this one |
/// | `mode = "broadcast"` | every instance gets it | |
/// | `mode = "singleton"` | one instance of one service gets it, of all that handle it as singletons | |
/// | `timeout = "15s"` | the longest a handler may take, counted from receipt | `30s` |
/// | `limit = 8` | how many events are handled at once, at least 1 | 1024; one a core with `blocking` |
/// | `queue = 100` | how many events wait for a handler to end; one more is dropped | 1024 |
/// | `blocking` | each event is handled on a thread of its own | |
///
/// The parameters are those of an rpc method, with the same options, and a `&Context`, whose `event()`
/// is the subject. What the method returns is dropped, and a failure is logged: nobody waits for it.
#[proc_macro_attribute]
pub fn event_handler(_argument: TokenStream, item: TokenStream) -> TokenStream {
    entrypoint::misplaced("event_handler", item.into()).into()
}

/// Makes a method run again and again, in every instance.
///
/// It stands on a method of an `impl` block with `#[rpc]`, and its first argument is the time between
/// two ticks: `"500ms"`, `"5s"`, `"2m"`, `"1h"`. The n-th tick comes n times that after the instance
/// began to serve, whatever the ticks before took; one that comes while the method still runs is
/// skipped.
///
/// | option | |
/// |---|---|
/// | `eager` | the first tick comes when the instance begins to serve |
///
/// The method is `async` and takes `&self` and, if it likes, `&Context`. It may fail, as `Result<(), E>`
/// with an error or a text: that and a panic are logged, and the timer goes on.
#[proc_macro_attribute]
pub fn timer(_argument: TokenStream, item: TokenStream) -> TokenStream {
    entrypoint::misplaced("timer", item.into()).into()
}

/// Makes a method run when the wall clock of a time zone says so, in every instance.
///
/// It stands on a method of an `impl` block with `#[rpc]`, and its first argument is a schedule of five
/// fields, minute, hour, day of the month, month and day of the week, or of six with the second before
/// them. The number of fields and the numbers in them are checked by the compiler, all else when the
/// service starts.
///
/// | option | | default |
/// |---|---|---|
/// | `tz = "Europe/Brussels"` | the zone whose clock counts, by its name in the IANA database | `"UTC"` |
///
/// The method is one that [`timer`](macro@timer) could fire, and a time that comes while it still runs
/// is skipped. It needs the feature `cron` of the library.
#[proc_macro_attribute]
pub fn cron(_argument: TokenStream, item: TokenStream) -> TokenStream {
    entrypoint::misplaced("cron", item.into()).into()
}

/// Makes a method run before an instance takes calls.
///
/// It stands on a method of an `impl` block with `#[rpc]`, which is `async` and takes `&self` and, if
/// it likes, `&Context`, through which it may call and emit. It may fail, as `Result<(), E>` with an
/// error or a text: then the process does not serve. Several run one after the other, in the order of
/// the source.
#[proc_macro_attribute]
pub fn on_start(_argument: TokenStream, item: TokenStream) -> TokenStream {
    entrypoint::misplaced("on_start", item.into()).into()
}

/// Makes a method run after the last call of an instance that stops, before its connection closes.
///
/// It stands on a method of an `impl` block with `#[rpc]`, which is `async` and takes `&self` and, if
/// it likes, `&Context`, through which it may call and emit. A failure is logged. Several run one after
/// the other, in the order of the source.
#[proc_macro_attribute]
pub fn on_stop(_argument: TokenStream, item: TokenStream) -> TokenStream {
    entrypoint::misplaced("on_stop", item.into()).into()
}

/// Makes an enum or a struct the error of rpc methods, and rebuilds it where they were called.
///
/// The type implements `Display`, by hand or with `thiserror`; the text is the message that callers
/// read. The derive implements `From<…> for RpcError`, which is what a method's `Result` asks for,
/// and `WireError`, which turns the error of a reply back into the variant it was. It goes before
/// the attributes that it reads. The type may be generic over types and constants, but not over
/// lifetimes.
///
/// # On a variant, or on a struct
///
/// | option | | default |
/// |---|---|---|
/// | `code = "user.not_found"` | what callers tell errors apart by: words of `a` to `z`, `0` to `9` and `_`, joined by `.` | the name in snake case, with nothing before it: `NotFound` is `not_found` |
/// | `status = 404` | the number on the wire and over HTTP, 400 to 599 | that of the contract, for one of its codes; any other code needs one |
/// | `retryable` | the same call may succeed if it is sent again | what the contract says of the code |
/// | `internal` | callers must not see it: they read an opaque `internal` (500) | |
///
/// A code of the contract keeps its status, so another one is a mistake. So are two variants with
/// one code, and `internal` beside any other option.
///
/// An `internal` variant is an `Error`, `Send`, `Sync` and `'static`, and goes to the log as it is,
/// under the request id that the caller gets. It is never rebuilt.
///
/// # On the type
///
/// | option | | default |
/// |---|---|---|
/// | `crate = my_rpc` | where this library is, when it goes by another path | `::rpc_core` |
///
/// # Fields
///
/// The fields of a variant travel in the `details` of the error reply: `NotFound { id: 7 }` sends
/// `{"id": 7}`, `NotFound(7)` sends `[7]`, and a variant without fields sends none. Prefer names:
/// clients in other languages read them. A field is `Serialize` and `DeserializeOwned`, so it owns
/// what it says: a `String`, or a `Cow<'static, str>` where it mostly is a literal.
///
/// | option | |
/// |---|---|
/// | `source` | the cause: it goes to the log and never travels, so its variant is not rebuilt |
///
/// A cause converts into a `Box<dyn Error + Send + Sync>`. The attributes `#[source]` and `#[from]`
/// of `thiserror` mark one as well.
///
/// # Rebuilding
///
/// `WireError::from_rpc_error` knows a variant by its code and reads its fields from the details.
/// It leaves alone what it does not know, details that do not fit, and failures of the way there
/// and back, which have an `outcome`. A code of the contract is not a service's alone: a variant
/// `InvalidArgument` without fields is also what a call becomes whose arguments did not bind.
#[proc_macro_derive(RpcError, attributes(rpc))]
pub fn rpc_error(item: TokenStream) -> TokenStream {
    rpc_error::derive(item.into()).into()
}
