//! Errors for JavaScript: plain objects.

use alloc::borrow::ToOwned;
use alloc::string::{String, ToString};
use core::fmt::Display;

use js_sys::Object;
use roam_proto::{CloseReason, RequestError, Violation};
use wasm_bindgen::prelude::*;

#[wasm_bindgen]
extern "C" {
    /// A plain object with a `kind`, a `message` and details.
    #[wasm_bindgen(extends = Object)]
    pub type Failure;

    #[wasm_bindgen(method, setter)]
    fn set_kind(this: &Failure, kind: &str);

    #[wasm_bindgen(method, setter)]
    fn set_message(this: &Failure, message: &str);

    #[wasm_bindgen(method, setter)]
    fn set_reason(this: &Failure, reason: &str);

    #[wasm_bindgen(method, setter)]
    fn set_cause(this: &Failure, cause: &str);

    #[wasm_bindgen(method, setter)]
    fn set_code(this: &Failure, code: u16);

    #[wasm_bindgen(method, setter, js_name = retryAfterMs)]
    fn set_retry_after_ms(this: &Failure, millis: f64);
}

impl Failure {
    fn new(kind: &str, message: &dyn Display) -> Self {
        let failure: Self = Object::new().unchecked_into();
        failure.set_kind(kind);
        failure.set_message(&message.to_string());
        failure
    }

    /// Returns the failure for what is longer than a limit, which the message names.
    pub(super) fn too_large(message: &dyn Display) -> Self {
        Self::new("too-large", message)
    }

    /// Returns the failure for a call from JavaScript that breaks the rules of the binding.
    pub(super) fn protocol(message: &'static str) -> Self {
        Self::new("protocol", &message)
    }

    /// Returns the failure for a channel that was reset.
    pub(super) fn reset(message: &'static str) -> Self {
        Self::new("reset", &message)
    }

    /// Returns the failure for a link that has ended.
    pub(super) fn closed(reason: &CloseReason) -> Self {
        Self::ended("closed", reason)
    }

    /// Returns the failure for a link that could not be opened.
    pub(super) fn connect(reason: &CloseReason) -> Self {
        Self::ended("connect", reason)
    }

    fn ended(kind: &str, reason: &CloseReason) -> Self {
        let failure = Self::new(kind, reason);
        failure.set_cause(kind_of(reason));
        failure.set_reason(&text_of(reason));
        if let Some(code) = code_of(reason) {
            failure.set_code(code);
        }
        if let Some(after) = reason.retry_after() {
            failure.set_retry_after_ms(after.as_secs_f64() * 1000.0);
        }
        failure
    }
}

/// Returns how a link ended, in a word.
pub(super) fn kind_of(reason: &CloseReason) -> &'static str {
    match reason {
        CloseReason::Local(_) | CloseReason::ClosedHere(_) => "local",
        CloseReason::Goodbye(_) | CloseReason::ClosedByPeer(_) => "goodbye",
        CloseReason::Violation(_) | CloseReason::RepliesUnread => "violation",
        CloseReason::HandshakeTimeout | CloseReason::Idle => "timeout",
        _ => "transport",
    }
}

/// Returns the code with which a link ended, if it had one.
pub(super) fn code_of(reason: &CloseReason) -> Option<u16> {
    match reason {
        CloseReason::ClosedHere(close) => Some(close.code()),
        _ => reason.peer_close().map(|close| close.code),
    }
}

/// Returns the reason given when a link ended.
pub(super) fn text_of(reason: &CloseReason) -> String {
    match reason {
        CloseReason::Local(reason) | CloseReason::Goodbye(reason) => reason.as_ref().to_owned(),
        CloseReason::ClosedHere(close) => close.reason().to_owned(),
        CloseReason::ClosedByPeer(close) => close.reason.clone(),
        CloseReason::Violation(violation) => violation.to_string(),
        CloseReason::Lost(error) => error.to_string(),
        _ => reason.to_string(),
    }
}

impl From<RequestError> for Failure {
    fn from(error: RequestError) -> Self {
        let kind = match error {
            RequestError::PayloadTooLarge { .. } => return Self::too_large(&error),
            RequestError::Metadata(_) => "metadata",
            RequestError::TooManyChannels(_) | RequestError::NoBudgetForChannels => "busy",
            // `ConnectionEnded`, `NotReady` and `AlreadyAnswered`: the link takes no message.
            _ => "closed",
        };
        Self::new(kind, &error)
    }
}

/// For metadata that is malformed or exceeds a limit.
impl From<Violation> for Failure {
    fn from(violation: Violation) -> Self {
        Self::new("metadata", &violation)
    }
}
