//! Ways to carry frames between two peers.

mod memory;
#[cfg(feature = "stream")]
pub mod stream;
mod subprotocol;
#[cfg(feature = "websocket")]
pub mod websocket;

pub use memory::{MemoryTransport, memory_pair};
pub use subprotocol::{PACKED, SINGLE, Subprotocols, framing_of};

use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;

use crate::proto::{Framing, Violation};
use crate::rt::MaybeSend;

/// Carries frames, in order and whole, in both directions.
///
/// A driver polls it; it is the only thing that knows of sockets.
pub trait Transport: MaybeSend + Unpin + 'static {
    /// How messages stand in the frames.
    fn framing(&self) -> Framing;

    /// The next frame; `None` when the peer has closed the transport.
    fn poll_receive(&mut self, cx: &mut Context<'_>)
    -> Poll<Result<Option<Bytes>, TransportError>>;

    /// Whether a frame can be taken by [`start_send`](Self::start_send).
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), TransportError>>;

    /// Takes a frame. It may wait in a buffer until [`poll_flush`](Self::poll_flush).
    fn start_send(&mut self, frame: Bytes) -> Result<(), TransportError>;

    /// Sends what was taken.
    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), TransportError>>;

    /// Sends what was taken and closes the transport.
    fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), TransportError>>;
}

/// Why a transport does not carry any more.
#[derive(Clone, Debug, thiserror::Error)]
pub enum TransportError {
    /// The peer broke a rule of the transport, such as one against text frames.
    #[error(transparent)]
    Violation(#[from] Violation),
    /// It was closed or failed.
    #[error("{0}")]
    Lost(Arc<dyn std::error::Error + Send + Sync>),
}

impl TransportError {
    /// The transport failed with `error`.
    pub fn lost(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Lost(error.into().into())
    }

    /// What it comes from, without this wrapping.
    pub(crate) fn into_cause(self) -> Arc<dyn std::error::Error + Send + Sync> {
        match self {
            Self::Violation(violation) => Arc::new(violation),
            Self::Lost(error) => error,
        }
    }
}

/// The peer closed the transport without a Goodbye.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("closed without a goodbye")]
pub struct ClosedSilently;
