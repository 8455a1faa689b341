//! Links over byte streams: TCP, Unix sockets, and anything else that tokio reads and writes.

pub mod tcp;
#[cfg(unix)]
pub mod unix;

use std::collections::VecDeque;
use std::future::Future;
use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};

use crate::proto::{Close, Config, Framing, PeerClose};
use crate::rt::{self, MaybeSend};
use crate::session::ConnectError;
use crate::transport::{Transport, TransportError};

/// A byte stream that carries a link: each message is COBS-encoded and ends with a zero.
///
/// The machine encodes into the buffers that are written, and decodes from the buffer that is read:
/// nothing is copied in between.
///
/// ```
/// use roam_core::net::stream::StreamTransport;
/// use roam_core::{Config, NoDispatcher, accept, connect};
///
/// # tokio::runtime::Runtime::new().unwrap().block_on(async {
/// let (ours, theirs) = tokio::io::duplex(1024);
/// let config = Config::default();
/// let (_, driver) = accept(StreamTransport::new(theirs)).config(config.clone()).drive();
/// tokio::spawn(driver);
///
/// let client = connect(StreamTransport::new(ours)).config(config.clone()).await?;
/// # client.close("");
/// # Ok::<(), roam_core::ConnectError>(())
/// # }).unwrap();
/// ```
#[derive(Debug)]
pub struct StreamTransport<S> {
    stream: S,
    /// The read buffer; empty between two reads.
    buffer: BytesMut,
    read_size: usize,
    /// Frames to write. Of the first, only the unwritten rest is kept.
    unwritten: VecDeque<Bytes>,
    /// Bytes in `unwritten`.
    waiting: usize,
    shut_down: bool,
    peer: Option<SocketAddr>,
}

/// How much is read at once from a quiet stream: the memory of an idle link.
const IDLE_READ: usize = 4 * 1024;
/// How much is read at once while reads fill [`IDLE_READ`].
const BUSY_READ: usize = 64 * 1024;
/// While this much waits to be written, no more frames are taken: messages then gather in the machine
/// and share frames.
const WRITE_AHEAD: usize = 64 * 1024;
/// Frames per write. The machine has already joined small messages.
const PIECES_A_WRITE: usize = 8;

impl<S> StreamTransport<S> {
    /// Takes over a stream that is open in both directions and on which nothing was sent.
    pub fn new(stream: S) -> Self {
        Self {
            stream,
            buffer: BytesMut::new(),
            read_size: IDLE_READ,
            unwritten: VecDeque::new(),
            waiting: 0,
            shut_down: false,
            peer: None,
        }
    }

    /// Sets the address of the peer's socket.
    #[must_use]
    pub fn with_peer_addr(self, peer: SocketAddr) -> Self {
        Self {
            peer: Some(peer),
            ..self
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> StreamTransport<S> {
    /// Reads some bytes. No bytes mean the end of the stream.
    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Bytes>> {
        // Reuses the memory if nobody holds the bytes that were read before.
        self.buffer.reserve(self.read_size);
        // Dropping a pending read loses nothing.
        let read = pin!(self.stream.read_buf(&mut self.buffer)).poll(cx)?;
        if read.is_pending() {
            if self.read_size > IDLE_READ {
                self.read_size = IDLE_READ;
                self.buffer = BytesMut::new();
            }
            return Poll::Pending;
        }
        if self.buffer.len() >= self.read_size {
            self.read_size = BUSY_READ;
        }
        Poll::Ready(Ok(self.buffer.split().freeze()))
    }

    /// Writes until at most `limit` bytes wait.
    fn poll_write_down_to(&mut self, limit: usize, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.waiting > limit {
            let mut slices = [IoSlice::new(&[]); PIECES_A_WRITE];
            for (slice, piece) in slices.iter_mut().zip(&self.unwritten) {
                *slice = IoSlice::new(piece);
            }
            let pieces = &slices[..self.unwritten.len().min(PIECES_A_WRITE)];
            let written = ready!(Pin::new(&mut self.stream).poll_write_vectored(cx, pieces))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.advance(written);
        }
        Poll::Ready(Ok(()))
    }

    fn advance(&mut self, mut written: usize) {
        self.waiting -= written;
        while let Some(piece) = self.unwritten.front_mut() {
            if piece.len() > written {
                piece.advance(written);
                return;
            }
            written -= piece.len();
            self.unwritten.pop_front();
        }
    }

    fn poll_flush_all(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_write_down_to(0, cx))?;
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.shut_down {
            ready!(self.poll_write_down_to(0, cx))?;
            ready!(Pin::new(&mut self.stream).poll_shutdown(cx))?;
            self.shut_down = true;
        }
        // Closing a socket with unread data resets it, and the peer might never see our Goodbye. The
        // driver bounds how long this may take.
        while !ready!(self.poll_read(cx))?.is_empty() {}
        Poll::Ready(Ok(()))
    }
}

impl<S> Transport for StreamTransport<S>
where
    S: AsyncRead + AsyncWrite + Unpin + MaybeSend + 'static,
{
    fn framing(&self) -> Framing {
        Framing::Cobs
    }

    fn peer_addr(&self) -> Option<SocketAddr> {
        self.peer
    }

    fn poll_receive(&mut self, cx: &mut Context<'_>) -> Poll<Result<Bytes, TransportError>> {
        let piece = ready!(self.poll_read(cx)).map_err(TransportError::lost)?;
        if piece.is_empty() {
            return Poll::Ready(Err(PeerClose::ABNORMAL.into()));
        }
        Poll::Ready(Ok(piece))
    }

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), TransportError>> {
        self.poll_write_down_to(WRITE_AHEAD, cx)
            .map_err(TransportError::lost)
    }

    fn start_send(&mut self, frame: Bytes) -> Result<(), TransportError> {
        self.waiting += frame.len();
        self.unwritten.push_back(frame);
        Ok(())
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), TransportError>> {
        self.poll_flush_all(cx).map_err(TransportError::lost)
    }

    fn poll_close(&mut self, _: &Close, cx: &mut Context<'_>) -> Poll<Result<(), TransportError>> {
        self.poll_shutdown(cx).map_err(TransportError::lost)
    }
}

/// Waits for a stream to open, at most for the handshake timeout.
async fn opened<S>(
    opening: impl Future<Output = io::Result<S>>,
    config: &Config,
) -> Result<S, ConnectError> {
    rt::timeout(config.handshake_timeout, opening)
        .await
        .ok_or(ConnectError::Timeout)?
        .map_err(|error| ConnectError::Transport(Box::new(error)))
}
