//! What the server calls in the page.

use roam_core::{Rx, Schema, Tx, service};
use serde::{Deserialize, Serialize};

/// What the server calls in the page.
#[service]
pub trait Notifier {
    /// Tells something.
    async fn notify(&self, text: String) -> String;
    /// Asks for something that may be refused.
    async fn admit(&self, age: u32) -> Result<String, Refusal>;
    /// Answers when it likes to.
    async fn wait(&self);
    /// Turns every word round.
    async fn reverse(&self, words: Rx<String>, reversed: Tx<String>) -> u32;
}

/// Why somebody is not admitted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Schema)]
pub enum Refusal {
    /// Not old enough.
    TooYoung {
        /// What would be enough.
        least: u32,
    },
}
