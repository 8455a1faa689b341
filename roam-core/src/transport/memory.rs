//! A pair of transports in memory.

use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures::channel::mpsc;
use futures::{Sink, Stream};

use super::{Transport, TransportError};
use crate::proto::{Close, Framing, PeerClose};

/// One end of a pair made by [`memory_pair`].
#[derive(Debug)]
pub struct MemoryTransport {
    framing: Framing,
    incoming: mpsc::Receiver<Bytes>,
    outgoing: mpsc::Sender<Bytes>,
    /// How this end was closed, for the other.
    close: Arc<OnceLock<Close>>,
    peer_close: Arc<OnceLock<Close>>,
}

/// Frames between the two ends before a sender has to wait.
const CAPACITY: usize = 16;

/// Creates two connected transports, for tests and for use within a process.
pub fn memory_pair(framing: Framing) -> (MemoryTransport, MemoryTransport) {
    let (to_b, from_a) = mpsc::channel(CAPACITY);
    let (to_a, from_b) = mpsc::channel(CAPACITY);
    let (close_a, close_b) = <(Arc<OnceLock<_>>, Arc<OnceLock<_>>)>::default();
    let a = MemoryTransport {
        framing,
        incoming: from_b,
        outgoing: to_b,
        close: Arc::clone(&close_a),
        peer_close: Arc::clone(&close_b),
    };
    let b = MemoryTransport {
        framing,
        incoming: from_a,
        outgoing: to_a,
        close: close_b,
        peer_close: close_a,
    };
    (a, b)
}

impl Transport for MemoryTransport {
    fn framing(&self) -> Framing {
        self.framing
    }

    fn poll_receive(&mut self, cx: &mut Context<'_>) -> Poll<Result<Bytes, TransportError>> {
        let frame = ready!(Pin::new(&mut self.incoming).poll_next(cx));
        let closed = || match self.peer_close.get() {
            Some(close) => close.into(),
            None => PeerClose::ABNORMAL,
        };
        Poll::Ready(frame.ok_or_else(closed).map_err(Into::into))
    }

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), TransportError>> {
        self.outgoing.poll_ready(cx).map_err(TransportError::lost)
    }

    fn start_send(&mut self, frame: Bytes) -> Result<(), TransportError> {
        self.outgoing
            .start_send(frame)
            .map_err(TransportError::lost)
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), TransportError>> {
        Pin::new(&mut self.outgoing)
            .poll_flush(cx)
            .map_err(TransportError::lost)
    }

    fn poll_close(
        &mut self,
        close: &Close,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), TransportError>> {
        self.close.get_or_init(|| close.clone());
        Pin::new(&mut self.outgoing)
            .poll_close(cx)
            .map_err(TransportError::lost)
    }
}
