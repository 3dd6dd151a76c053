//! What each operation says and does, one a file.

mod connect;
mod info;
mod ping;
mod pong;
mod publish;
mod sub;
mod unsub;

pub(crate) use connect::Connect;
pub(crate) use info::check_info;
pub(crate) use ping::Ping;
pub(crate) use pong::Pong;
pub(crate) use publish::Publish;
pub(crate) use sub::Sub;
pub(crate) use unsub::Unsub;
