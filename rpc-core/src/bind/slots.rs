//! The slots of one method, as nested pairs.

use serde::de::{Deserializer, Error as _};

use crate::slot::Slot;

/// The slots of one method's parameters, filled while the message is read.
///
/// An expansion spells them as nested pairs, `(one::<String>(), (one::<u8>(), ()))`, a slot for
/// each parameter: there is no limit to their number and no generated type.
pub trait Slots<'de>: Default {
    /// Decodes a value into slot `index`, or appends it there for `*args`; `key` is the keyword for
    /// the slot of `**kwargs`.
    ///
    /// # Errors
    /// The decoder's, when the value does not fit the parameter's type.
    fn fill<D: Deserializer<'de>>(
        &mut self,
        index: usize,
        key: Option<String>,
        value: D,
    ) -> Result<(), D::Error>;

    /// Returns whether slot `index` holds a value.
    fn is_filled(&self, index: usize) -> bool;

    /// Tells the slots that no more values come.
    fn close(&mut self);
}

impl<'de> Slots<'de> for () {
    fn fill<D: Deserializer<'de>>(
        &mut self,
        _: usize,
        _: Option<String>,
        _: D,
    ) -> Result<(), D::Error> {
        Err(D::Error::custom(
            "the binder filled a slot that no parameter has",
        ))
    }

    fn is_filled(&self, _: usize) -> bool {
        false
    }

    fn close(&mut self) {}
}

impl<'de, Head: Slot<'de>, Tail: Slots<'de>> Slots<'de> for (Head, Tail) {
    #[inline]
    fn fill<D: Deserializer<'de>>(
        &mut self,
        index: usize,
        key: Option<String>,
        value: D,
    ) -> Result<(), D::Error> {
        match index {
            0 => self.0.fill(key, value),
            _ => self.1.fill(index - 1, key, value),
        }
    }

    #[inline]
    fn is_filled(&self, index: usize) -> bool {
        match index {
            0 => self.0.is_filled(),
            _ => self.1.is_filled(index - 1),
        }
    }

    #[inline]
    fn close(&mut self) {
        self.0.close();
        self.1.close();
    }
}
