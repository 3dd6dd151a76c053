//! A layer that notes what passes it, and answers or panics when it is told to.

use std::sync::{Arc, Mutex};

use rpc_core::RpcError;
use rpc_core::middleware::{Layer, LayerError, Request, RpcService};
use rpc_core::protocol::WireReply;

/// What layers noted, in the order in which it happened.
#[derive(Clone, Default)]
pub(crate) struct Notes(Arc<Mutex<Vec<String>>>);

impl Notes {
    /// Returns a layer that notes under a name.
    pub(crate) fn layer(&self, name: &'static str) -> NoteLayer {
        let notes = self.clone();
        NoteLayer { name, notes }
    }

    pub(crate) fn add(&self, note: impl Into<String>) {
        self.0.lock().unwrap().push(note.into());
    }

    pub(crate) fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

pub(crate) struct NoteLayer {
    name: &'static str,
    notes: Notes,
}

impl<S> Layer<S> for NoteLayer {
    type Service = Note<S>;

    fn layer(&self, inner: S) -> Note<S> {
        let (name, notes) = (self.name, self.notes.clone());
        Note { inner, name, notes }
    }
}

pub(crate) struct Note<S> {
    inner: S,
    name: &'static str,
    notes: Notes,
}

impl<S: RpcService> RpcService for Note<S> {
    type Error = S::Error;

    async fn call(&self, request: Request) -> Result<WireReply, S::Error> {
        let name = self.name;
        self.notes.add(format!("> {name}"));
        let text = String::from_utf8_lossy(request.payload()).into_owned();
        let has = |what: &str| text.contains(&format!("{what} in {name}"));
        assert!(!has("panic"), "the secret is 42");
        if has("refuse") {
            let error = RpcError::custom("layer.refused", 418, "not today");
            return Err(S::Error::from_layer(error));
        }
        if has("answer") {
            return Ok(WireReply::success(r#"[["from a layer"], {}]"#));
        }
        if has("large") {
            return Ok(WireReply::success(vec![b'x'; 2 << 20]));
        }
        let result = self.inner.call(request).await;
        self.notes.add(format!("< {name}"));
        result
    }
}
