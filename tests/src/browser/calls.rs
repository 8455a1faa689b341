//! The service `Calls`, with one method for each outcome of a call.

use std::future::pending;
use std::time::Duration;

use roam_core::{CallError, Context, MetadataValue, RoamError, Schema, service};
use serde::{Deserialize, Serialize};

use super::notifier::{NotifierClient, Refusal};
use super::watch::Watched;
use crate::testbed::MathError;

/// Calls with every kind of outcome.
#[service]
pub trait Calls {
    /// Returns `text`.
    #[roam(inline)]
    async fn echo(&self, text: String) -> String;
    /// Returns `bytes`.
    async fn mirror(&self, bytes: Vec<u8>) -> Vec<u8>;
    /// Divides `dividend` by `divisor`.
    async fn divide(&self, dividend: i64, divisor: i64) -> Result<i64, MathError>;
    /// Panics in its handler.
    async fn panics(&self);
    /// Returns `count` zero bytes.
    async fn zeros(&self, count: u32) -> Vec<u8>;
    /// Never returns.
    async fn hang(&self, key: String);
    /// Returns the metadata of the call.
    async fn metadata(&self) -> Vec<(String, Extra)>;
    /// Returns the time left until the caller's deadline.
    async fn time_left(&self) -> Option<Duration>;
    /// Calls `Notifier.notify` of the caller and returns its answer.
    async fn call_back(&self, text: String) -> String;
    /// Calls `Notifier.admit` of the caller and returns its outcome.
    async fn ask_back(&self, age: u32) -> Outcome;
    /// Calls `Notifier.wait` of the caller and cancels that call when `key` is released.
    async fn abandon_back(&self, key: String);
}

/// A metadata value.
#[derive(Clone, Debug, Serialize, Deserialize, Schema)]
#[expect(missing_docs, reason = "the names are self-explanatory")]
pub enum Extra {
    Text(String),
    Bytes(Vec<u8>),
    Number(u64),
}

/// The outcome of a call from the server.
#[derive(Clone, Debug, Serialize, Deserialize, Schema)]
#[expect(missing_docs, reason = "the names are self-explanatory")]
pub enum Outcome {
    Admitted(String),
    Refused(Refusal),
    Unserved,
    Failed(String),
}

/// The handler of [`Calls`].
#[derive(Clone, Debug)]
pub struct CallsHandler {
    /// Tracks the handlers that have a key.
    pub watched: Watched,
}

impl Calls for CallsHandler {
    async fn echo(&self, _: &Context, text: String) -> String {
        text
    }

    async fn mirror(&self, _: &Context, bytes: Vec<u8>) -> Vec<u8> {
        bytes
    }

    async fn divide(&self, _: &Context, dividend: i64, divisor: i64) -> Result<i64, MathError> {
        if divisor == 0 {
            return Err(MathError::DivisionByZero);
        }
        dividend.checked_div(divisor).ok_or(MathError::Overflow)
    }

    async fn panics(&self, _: &Context) {
        panic!("requested by the test");
    }

    async fn zeros(&self, _: &Context, count: u32) -> Vec<u8> {
        vec![0; count as usize]
    }

    async fn hang(&self, _: &Context, key: String) {
        let _running = self.watched.run(&key);
        pending::<()>().await;
    }

    async fn metadata(&self, cx: &Context) -> Vec<(String, Extra)> {
        let entries = cx.metadata().iter();
        entries
            .map(|(key, value)| (key.to_owned(), Extra::from(value)))
            .collect()
    }

    async fn time_left(&self, cx: &Context) -> Option<Duration> {
        cx.deadline().map(|deadline| deadline.remaining())
    }

    async fn call_back(&self, cx: &Context, text: String) -> String {
        let page = NotifierClient::new(cx.connection().clone());
        page.notify(text)
            .await
            .unwrap_or_else(|error| error.to_string())
    }

    async fn ask_back(&self, cx: &Context, age: u32) -> Outcome {
        let page = NotifierClient::new(cx.connection().clone());
        match page.admit(age).await {
            Ok(name) => Outcome::Admitted(name),
            Err(CallError::Answered(RoamError::User(refusal))) => Outcome::Refused(refusal),
            Err(CallError::Answered(RoamError::UnknownMethod)) => Outcome::Unserved,
            Err(error) => Outcome::Failed(format!("{error:?}")),
        }
    }

    async fn abandon_back(&self, cx: &Context, key: String) {
        let running = self.watched.run(&key);
        let page = NotifierClient::new(cx.connection().clone());
        tokio::select! {
            _ = page.wait() => {}
            () = running.released() => {}
        }
    }
}

impl From<&MetadataValue> for Extra {
    fn from(value: &MetadataValue) -> Self {
        match value {
            MetadataValue::String(text) => Self::Text(text.clone()),
            MetadataValue::Bytes(bytes) => Self::Bytes(bytes.clone()),
            MetadataValue::U64(number) => Self::Number(*number),
        }
    }
}
