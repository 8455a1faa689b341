//! The service, compiled with the published crates.

pub use roam::{Context, Rx, Tx, channel, service};

use roam::session::{CallError, RoamError};
use roam::wire::MetadataValue;

use crate::types::Value;

#[path = "shared/calls.rs"]
pub mod calls;
#[path = "shared/handler.rs"]
mod handler;
#[path = "shared/testbed.rs"]
mod testbed;

pub use handler::{TestbedHandler, testbed_handler};
pub use testbed::{Testbed, TestbedClient, TestbedDispatcher, UnservedClient, testbed_method_id};

fn entries(cx: &Context) -> Vec<(String, Value)> {
    let value = |value: &MetadataValue| match value {
        MetadataValue::String(text) => Value::Text(text.clone()),
        MetadataValue::Bytes(bytes) => Value::Bytes(bytes.clone()),
        MetadataValue::U64(number) => Value::Number(*number),
    };
    cx.metadata()
        .iter()
        .map(|(key, entry)| (key.clone(), value(entry)))
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
    let Err(CallError::Roam(error)) = result else {
        panic!("expected an error as the answer")
    };
    error
}
