//! Which service a call or an event is of.

/// Returns how an instance is named to people and in `Rpc-Caller`: `greeting_service/<id>`.
pub(crate) fn instance_name(service: &str, id: &str) -> String {
    format!("{service}/{id}")
}

/// The tokens that the subjects of one service begin with.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Origin {
    pub(crate) prefix: &'static str,
    pub(crate) name: &'static str,
}

impl Origin {
    /// Returns `[prefix.]service.<last>`.
    pub(crate) fn subject(self, last: &str) -> String {
        match self.prefix {
            "" => format!("{}.{last}", self.name),
            prefix => format!("{prefix}.{}.{last}", self.name),
        }
    }
}
