//! The service `Notifier`, which pages serve and the server calls.

use roam_core::{Rx, Schema, Tx, service};
use serde::{Deserialize, Serialize};

/// The service that pages serve.
#[service]
pub trait Notifier {
    /// Receives a text and answers it.
    async fn notify(&self, text: String) -> String;
    /// Asks for admission, which may be refused.
    async fn admit(&self, age: u32) -> Result<String, Refusal>;
    /// Returns when the page chooses to.
    async fn wait(&self);
    /// Reverses each word and returns their number.
    async fn reverse(&self, words: Rx<String>, reversed: Tx<String>) -> u32;
}

/// The reason of a refusal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Schema)]
pub enum Refusal {
    /// The age is below the minimum.
    TooYoung {
        /// The minimum age.
        least: u32,
    },
}
