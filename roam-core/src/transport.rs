//! What carries frames between two peers.
//!
//! The session is built on this trait; the sockets in [`net`](crate::net) implement it.

mod memory;

pub use crate::proto::subprotocol::{LINK, PACKED, SINGLE, Subprotocols, framing_of};
pub use memory::{MemoryTransport, memory_pair};

use std::net::SocketAddr;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;

use crate::proto::{Close, Config, Framing, PeerClose, Refusal, SharedError, Violation};
use crate::rt::MaybeSend;

/// Carries whole frames in order, in both directions. A driver polls it.
pub trait Transport: MaybeSend + Unpin + 'static {
    /// Returns how frames hold messages. A transport that was [accepted](Self::on_accepted) may learn with its
    /// first frame that its peer only knows version 2 of the protocol: until then it says
    /// [`Framing::Numbered`], and the session sends nothing.
    fn framing(&self) -> Framing;

    /// The peer has opened the transport. Called before anything is received or sent, and maybe again later.
    fn on_accepted(&mut self, config: &Config) {
        let _ = config;
    }

    /// Returns the address of the peer's socket, if it has one and it is known.
    fn peer_addr(&self) -> Option<SocketAddr> {
        None
    }

    /// Receives the next frame. Once the peer has closed the transport, fails with
    /// [`TransportError::Closed`], after all frames.
    fn poll_receive(&mut self, cx: &mut Context<'_>) -> Poll<Result<Bytes, TransportError>>;

    /// Ready when [`start_send`](Self::start_send) can take a frame.
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), TransportError>>;

    /// Takes a frame. It may stay in a buffer until [`poll_flush`](Self::poll_flush).
    fn start_send(&mut self, frame: Bytes) -> Result<(), TransportError>;

    /// Sends all frames that were taken.
    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), TransportError>>;

    /// Sends all frames that were taken and closes the transport. A transport that can say why tells
    /// the peer the code and the reason; a byte stream cannot.
    fn poll_close(
        &mut self,
        close: &Close,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), TransportError>>;
}

/// Why a transport has failed.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TransportError {
    /// The peer broke a rule of the transport, such as one against text frames.
    #[error(transparent)]
    Violation(#[from] Violation),
    /// The peer closed the transport.
    #[error(transparent)]
    Closed(#[from] PeerClose),
    /// The peer was silent for longer than [`Config::dead_after`](crate::Config::dead_after).
    #[error("the peer is silent")]
    Silent,
    /// The peer only knows version 2 of the protocol, and we sent something else. A link that dials does so
    /// once more, in version 2; see [`Dial::fall_back`](crate::client::Dial::fall_back).
    #[error("the peer only knows version 2 of the protocol")]
    OnlyVersion2,
    /// The acceptor refused the transport for now, and keeps the link. A link that dials does so again when the
    /// refusal says, see [`Refusal::retry_after`].
    #[error(transparent)]
    Postponed(Refusal),
    /// The transport failed.
    #[error("{0}")]
    Lost(#[source] SharedError),
}

impl TransportError {
    /// Creates the error of a transport that failed with `error`.
    pub fn lost(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        let error: Arc<dyn std::error::Error + Send + Sync> = error.into().into();
        Self::Lost(error.into())
    }

    /// Returns the cause, unwrapped.
    pub(crate) fn into_cause(self) -> Arc<dyn std::error::Error + Send + Sync> {
        match self {
            Self::Violation(violation) => Arc::new(violation),
            Self::Closed(close) => Arc::new(close),
            Self::Silent | Self::OnlyVersion2 | Self::Postponed(_) => Arc::new(self),
            Self::Lost(error) => error.into_inner(),
        }
    }
}
