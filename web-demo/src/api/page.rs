//! What the server calls in the page.

use roam_core::{Schema, service};
use serde::{Deserialize, Serialize};

/// What the server calls in the page.
#[service]
pub trait Page {
    /// Tells how the stream of `Demo.measure` goes, a few times a second, also while the page
    /// does not read it: a stream that stands still holds up no call.
    async fn sending(&self, progress: Progress);

    /// Somebody in the chat wants to know whether the visitor looks at the page.
    async fn nudged(&self, by: String) -> Attention;
}

/// The server's end of a stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Schema)]
#[serde(rename_all = "camelCase")]
pub struct Progress {
    /// How many samples it has sent.
    pub sent: u32,
    /// For how long it has been waiting for the reader by now, in milliseconds; 0 when it is not.
    pub waiting_ms: u32,
}

/// Whether a page is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Schema)]
pub enum Attention {
    /// The page is in view.
    Visible,
    /// It is in the background.
    Hidden,
}
