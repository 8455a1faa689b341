//! The page's service.

use roam_core::{Schema, service};
use serde::{Deserialize, Serialize};

/// The calls the server makes to the page.
#[service]
pub trait Page {
    /// Reports the progress of `Demo.measure` a few times per second, even while the page does
    /// not read the stream: a blocked stream does not block calls.
    async fn sending(&self, progress: Progress);

    /// Asks, on behalf of a chat member, whether the visitor can see the page.
    async fn nudged(&self, by: String) -> Attention;
}

/// The server's progress in sending a stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Schema)]
#[serde(rename_all = "camelCase")]
pub struct Progress {
    /// How many samples the server has sent.
    pub sent: u32,
    /// How long the server has been waiting for the reader, in milliseconds; 0 if not at all.
    pub waiting_ms: u32,
}

/// Whether a page is visible to its visitor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Schema)]
pub enum Attention {
    /// The page is in view.
    Visible,
    /// The page is in the background.
    Hidden,
}
