//! Methods that take no message: what timers run, and what runs when an instance starts and stops.

use std::error::Error;
use std::fmt;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;

use futures_util::FutureExt as _;

use crate::causes::Causes;
use crate::client::Client;
use crate::context::Context;
use crate::dispatch::panic_text;
use crate::outcome::{IsPlain, IsResult};
use crate::service::{Origin, Service};

/// The cause of a failure, for the log.
type Cause = Box<dyn Error + Send + Sync>;

/// The generated future of one run.
pub type HookFuture = Pin<Box<dyn Future<Output = Result<(), Cause>> + Send>>;

/// A method that takes nothing but the context.
pub struct Hook<S> {
    /// The method's name.
    pub name: &'static str,
    /// Makes the future of one run.
    pub run: fn(Arc<S>, Arc<Context>) -> HookFuture,
}

impl<S> fmt::Debug for Hook<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hook").field("name", &self.name).finish()
    }
}

impl<S: Service> Hook<S> {
    pub(super) fn bind(self, service: &Arc<S>, client: &Arc<Client>) -> BoundHook {
        let (service, run) = (service.clone(), self.run);
        BoundHook {
            name: self.name,
            origin: Origin::of::<S>(),
            client: client.clone(),
            run: Box::new(move |context| run(service.clone(), context)),
        }
    }
}

/// A hook of one instance.
pub(crate) struct BoundHook {
    pub(crate) name: &'static str,
    origin: Origin,
    client: Arc<Client>,
    run: Box<dyn Fn(Arc<Context>) -> HookFuture + Send + Sync>,
}

impl BoundHook {
    /// Returns the service and the method.
    pub(crate) fn method(&self) -> String {
        self.origin.subject(self.name)
    }

    /// Runs the method once; a panic is one more way to fail.
    pub(crate) async fn run(&self) -> Result<(), Failed> {
        let context = Context::of_instance(self.origin, self.client.clone());
        let context = Arc::new(context);
        // Making the future runs nothing of the user's; its broken state is not seen again.
        let run = AssertUnwindSafe((self.run)(context.clone()));
        let reason = match run.catch_unwind().await {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(cause)) => Reason::Error(cause),
            Err(panic) => Reason::Panic(panic_text(&*panic).to_owned()),
        };
        Err(Failed {
            request_id: Some(context.request_id().to_owned()),
            reason,
        })
    }
}

/// Why a run failed, worded for the log.
pub(crate) struct Failed {
    /// The id under which the run made its calls, where it is known: that of a run which was dropped
    /// half-way has gone with it.
    pub(crate) request_id: Option<String>,
    reason: Reason,
}

enum Reason {
    Error(Cause),
    Panic(String),
}

impl Failed {
    /// The failure of a run that the end of its instance did not wait for.
    pub(super) fn cut_short() -> Self {
        Self {
            request_id: None,
            reason: Reason::Error("the instance stopped before it ended".into()),
        }
    }

    pub(crate) fn is_panic(&self) -> bool {
        matches!(self.reason, Reason::Panic(_))
    }
}

/// The whole chain of causes: nobody but the log reads it.
impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cause = match &self.reason {
            Reason::Panic(text) => return write!(f, "panic: {text}"),
            Reason::Error(cause) => cause,
        };
        Causes::with(&**cause).fmt(f)
    }
}

/// What a timer or a hook may fail with: an error, or a text.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the error of a timer or a hook: it does not convert into `Box<dyn Error + Send + Sync>`",
    label = "not an error"
)]
pub trait Ended {
    /// Converts it.
    fn into_cause(self) -> Cause;
}

#[diagnostic::do_not_recommend]
impl<E: Into<Cause>> Ended for E {
    fn into_cause(self) -> Cause {
        self.into()
    }
}

impl IsResult {
    /// Drops the value and keeps the failure.
    ///
    /// # Errors
    /// The method's.
    pub fn into_ended<T, E: Ended>(self, result: Result<T, E>) -> Result<(), Cause> {
        result.map(drop).map_err(E::into_cause)
    }
}

impl IsPlain {
    /// Drops the value.
    ///
    /// # Errors
    /// None.
    pub fn into_ended<T>(self, _: T) -> Result<(), Cause> {
        Ok(())
    }
}
