//! The service, compiled with our library.

pub use roam_core::{Context, Rx, Tx, channel, service};

use roam_core::{CallError, MetadataValue, RoamError};

use crate::types::Value;

#[path = "shared/calls.rs"]
pub mod calls;
#[path = "shared/handler.rs"]
mod handler;
#[path = "shared/testbed.rs"]
mod testbed;

pub use handler::{TestbedHandler, testbed_handler};
pub use testbed::{Testbed, TestbedClient, TestbedDispatcher, UnservedClient, testbed_service};

fn entries(cx: &Context) -> Vec<(String, Value)> {
    let value = |value: &MetadataValue| match value {
        MetadataValue::String(text) => Value::Text(text.clone()),
        MetadataValue::Bytes(bytes) => Value::Bytes(bytes.clone()),
        MetadataValue::U64(number) => Value::Number(*number),
    };
    cx.metadata()
        .iter()
        .map(|(key, entry)| (key.to_owned(), value(entry)))
        .collect()
}

/// Returns the method's own error.
pub fn user_error<T, E>(result: Result<T, CallError<E>>) -> E {
    match answered(result) {
        RoamError::User(error) => error,
        _ => panic!("expected an error of the method"),
    }
}

/// Returns the error with which the peer answered.
pub fn answered<T, E>(result: Result<T, CallError<E>>) -> RoamError<E> {
    let Err(CallError::Answered(error)) = result else {
        panic!("expected an error as the answer")
    };
    error
}
