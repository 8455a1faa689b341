//! A pair of transports in memory.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures::channel::mpsc;
use futures::{Sink, Stream};

use super::{Transport, TransportError};
use crate::proto::Framing;

/// One end of a pair made by [`memory_pair`].
#[derive(Debug)]
pub struct MemoryTransport {
    framing: Framing,
    incoming: mpsc::Receiver<Bytes>,
    outgoing: mpsc::Sender<Bytes>,
}

/// Frames between the two ends before a sender has to wait.
const CAPACITY: usize = 16;

/// Creates two connected transports, for tests and for use within a process.
pub fn memory_pair(framing: Framing) -> (MemoryTransport, MemoryTransport) {
    let (to_b, from_a) = mpsc::channel(CAPACITY);
    let (to_a, from_b) = mpsc::channel(CAPACITY);
    let a = MemoryTransport {
        framing,
        incoming: from_b,
        outgoing: to_b,
    };
    let b = MemoryTransport {
        framing,
        incoming: from_a,
        outgoing: to_a,
    };
    (a, b)
}

impl Transport for MemoryTransport {
    fn framing(&self) -> Framing {
        self.framing
    }

    fn poll_receive(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Option<Bytes>, TransportError>> {
        Pin::new(&mut self.incoming).poll_next(cx).map(Ok)
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

    fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), TransportError>> {
        Pin::new(&mut self.outgoing)
            .poll_close(cx)
            .map_err(TransportError::lost)
    }
}
