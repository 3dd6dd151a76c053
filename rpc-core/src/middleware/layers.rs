//! The layers that somebody added, and the chains that are made of them.

use std::sync::Arc;

use super::{Layer, LayerError, Next, RpcService};

/// Layers in the order in which they were added, which is from the outside in.
pub(crate) struct Layers<E>(Vec<Wrap<E>>);

/// Puts one layer around the rest of a chain.
type Wrap<E> = Arc<dyn Fn(Next<E>) -> Next<E> + Send + Sync>;

impl<E: LayerError> Layers<E> {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds a layer inside those that are there.
    pub(crate) fn push<L>(&mut self, layer: L)
    where
        L: Layer<Next<E>, Service: RpcService<Error = E>> + Send + Sync + 'static,
    {
        self.0
            .push(Arc::new(move |inner| Next::new(layer.layer(inner))));
    }

    /// Returns these layers with `others` inside them.
    pub(crate) fn with_inside(&self, others: &Self) -> Self {
        Self(self.0.iter().chain(&others.0).cloned().collect())
    }

    /// Puts the layers around a service.
    pub(crate) fn around(&self, innermost: impl RpcService<Error = E>) -> Next<E> {
        let from_inside = self.0.iter().rev();
        from_inside.fold(Next::new(innermost), |inner, wrap| wrap(inner))
    }
}

impl<E> Default for Layers<E> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<E> Clone for Layers<E> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}
