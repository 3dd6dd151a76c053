//! stub
use crate::context::Context;
/// Client.
#[derive(Clone, Debug)]
pub struct Client {}
impl Client {
    pub(crate) fn inherit(&self, _: &Context) -> Self {
        self.clone()
    }
}
