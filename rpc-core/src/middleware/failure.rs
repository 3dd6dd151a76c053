//! What failures are to a layer that fits both sides.

use std::error::Error as StdError;

use crate::client::{CallError, Stage};
use crate::protocol::{Code, Outcome, RpcError};

/// Why a call has no reply, as far as a layer can tell on either side.
///
/// # Examples
/// ```
/// use rpc_core::middleware::LayerError;
/// use rpc_core::{CallError, Code, RpcError};
///
/// fn closed<E: LayerError>() -> E {
///     E::from_layer(RpcError::new(Code::Unavailable, "closed on Sundays"))
/// }
///
/// assert_eq!(closed::<RpcError>().code(), "unavailable");
/// assert!(matches!(closed(), CallError::Unavailable(_)));
/// ```
pub trait LayerError: StdError + Send + Sync + 'static {
    /// Makes what a layer says of a call that it ends by itself.
    fn from_layer(error: RpcError) -> Self;

    /// Returns the code, which is what a caller further up reads.
    fn code(&self) -> &str;

    /// Returns whether the same call may succeed if it is sent again.
    fn is_retryable(&self) -> bool;

    /// Returns whether the method may have run, where that is known.
    fn outcome(&self) -> Option<Outcome>;
}

impl LayerError for RpcError {
    fn from_layer(error: RpcError) -> Self {
        error
    }

    fn code(&self) -> &str {
        self.code()
    }

    fn is_retryable(&self) -> bool {
        self.is_retryable()
    }

    fn outcome(&self) -> Option<Outcome> {
        self.outcome()
    }
}

impl LayerError for CallError {
    fn from_layer(error: RpcError) -> Self {
        match Self::from_reply(error) {
            // The caller's own layer does not know how far the call had come.
            Self::Deadline {
                stage: Stage::Running,
                error,
            } => Self::Deadline {
                stage: Stage::NoAnswer,
                error,
            },
            other => other,
        }
    }

    fn code(&self) -> &str {
        let code = match self {
            Self::Unavailable(error)
            | Self::Full(error)
            | Self::Deadline { error, .. }
            | Self::Cancelled(error)
            | Self::Service(error)
            | Self::Failed(error) => return error.code(),
            Self::Unencodable(_) => Code::Internal,
            Self::InvalidSubject(_) | Self::NoMethod { .. } => Code::NotFound,
            Self::TooLarge { .. } => Code::PayloadTooLarge,
            Self::PermissionDenied(_) => Code::PermissionDenied,
            Self::NoService { .. } | Self::Disconnected(_) => Code::Unavailable,
            Self::BadReply { .. } => Code::BadReply,
        };
        code.as_str()
    }

    fn is_retryable(&self) -> bool {
        self.is_retryable()
    }

    fn outcome(&self) -> Option<Outcome> {
        self.outcome()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_layer_and_a_caller_further_up_read_the_same_code() {
        let disconnected = CallError::Disconnected(Outcome::Unknown);
        let service = CallError::Service(RpcError::custom("user.gone", 410, "gone"));
        let too_large = CallError::TooLarge { size: 2, limit: 1 };
        let no_service = CallError::NoService {
            service: "billing".to_owned(),
        };
        for error in [disconnected, service, too_large, no_service] {
            let code = LayerError::code(&error).to_owned();
            assert_eq!(RpcError::from(error).code(), code);
        }
    }
}
