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

use crate::proto::{
    Close, Config, Framing, PREFACE, PeerClose, StreamError, StreamReader, encode_frame_length,
};
use crate::rt::{self, MaybeSend};
use crate::session::ConnectError;
use crate::transport::{Transport, TransportError};

/// A byte stream that carries a link.
///
/// As an acceptor, it learns from the first bytes what its peer speaks, and is silent until then. As an
/// initiator, it speaks version 2 of the protocol, which every acceptor understands and which ends the link with
/// its stream; [`numbered`](Self::numbered) makes a stream whose link survives it. Links that are opened by an
/// [address](tcp) find out by themselves.
///
/// The machine encodes into the buffers that are written, and gets those into which was read: nothing is copied in
/// between, except for the beginning of a frame that does not fit.
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
    reader: StreamReader,
    /// What to write. Of the first piece, only the unwritten rest is kept.
    unwritten: VecDeque<Bytes>,
    /// Bytes in `unwritten`.
    waiting: usize,
    /// Memory for the lengths of frames.
    lengths: BytesMut,
    shut_down: bool,
    peer: Option<SocketAddr>,
    /// Whether anything was received.
    heard: bool,
}

/// While this much waits to be written, no more frames are taken: messages then gather in the machine
/// and share frames.
const WRITE_AHEAD: usize = 64 * 1024;
/// Pieces per write: frames, and in between their lengths. The machine has already joined small messages.
const PIECES_A_WRITE: usize = 16;

impl<S> StreamTransport<S> {
    /// Takes over a stream that is open in both directions and on which nothing was sent.
    pub fn new(stream: S) -> Self {
        Self {
            stream,
            reader: StreamReader::version_2(),
            unwritten: VecDeque::new(),
            waiting: 0,
            lengths: BytesMut::new(),
            shut_down: false,
            peer: None,
            heard: false,
        }
    }

    /// Takes over a stream that we have opened, for a link that survives it. The peer must understand that: a
    /// link with one that only knows version 2 of the protocol fails with
    /// [`TransportError::OnlyVersion2`].
    pub fn numbered(stream: S, config: &Config) -> Self {
        let mut transport = Self {
            reader: StreamReader::initiator(config.max_frame()),
            ..Self::new(stream)
        };
        transport.push(Bytes::from_static(&PREFACE));
        transport
    }

    /// Takes over a stream that a dialer has opened.
    fn dialed(stream: S, config: &Config, version_2: bool) -> Self {
        if version_2 {
            Self::new(stream)
        } else {
            Self::numbered(stream, config)
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

    fn push(&mut self, piece: Bytes) {
        self.waiting += piece.len();
        self.unwritten.push_back(piece);
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> StreamTransport<S> {
    /// Reads some bytes. Returns how many; none is the end of the stream.
    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let mut room = self.reader.room();
        // Dropping a pending read loses nothing.
        let read = pin!(self.stream.read_buf(&mut room)).poll(cx)?;
        match read {
            Poll::Pending => self.reader.on_quiet(),
            Poll::Ready(_) => self.heard = true,
        }
        read.map(Ok)
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
            // Frames do not count any more.
            self.reader = StreamReader::version_2();
        }
        // Closing a socket with unread data resets it, and the peer might never see our Goodbye. The
        // driver bounds how long this may take.
        while ready!(self.poll_read(cx))? > 0 {
            let _discarded = self.reader.next_frame();
        }
        Poll::Ready(Ok(()))
    }
}

impl<S> Transport for StreamTransport<S>
where
    S: AsyncRead + AsyncWrite + Unpin + MaybeSend + 'static,
{
    fn framing(&self) -> Framing {
        self.reader.framing()
    }

    fn on_accepted(&mut self, config: &Config) {
        if !self.heard {
            // Only an initiator sends a preface.
            self.unwritten.clear();
            self.waiting = 0;
            self.reader = StreamReader::acceptor(config.max_frame());
        }
    }

    fn peer_addr(&self) -> Option<SocketAddr> {
        self.peer
    }

    fn poll_receive(&mut self, cx: &mut Context<'_>) -> Poll<Result<Bytes, TransportError>> {
        loop {
            if let Some(frame) = self.reader.next_frame()? {
                return Poll::Ready(Ok(frame));
            }
            if ready!(self.poll_read(cx)).map_err(TransportError::lost)? == 0 {
                return Poll::Ready(Err(PeerClose::ABNORMAL.into()));
            }
        }
    }

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), TransportError>> {
        self.poll_write_down_to(WRITE_AHEAD, cx)
            .map_err(TransportError::lost)
    }

    fn start_send(&mut self, frame: Bytes) -> Result<(), TransportError> {
        if self.reader.framing() == Framing::Numbered {
            let length = encode_frame_length(frame.len(), &mut self.lengths);
            self.push(length);
        }
        self.push(frame);
        Ok(())
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), TransportError>> {
        self.poll_flush_all(cx).map_err(TransportError::lost)
    }

    fn poll_close(&mut self, _: &Close, cx: &mut Context<'_>) -> Poll<Result<(), TransportError>> {
        self.poll_shutdown(cx).map_err(TransportError::lost)
    }
}

impl From<StreamError> for TransportError {
    fn from(error: StreamError) -> Self {
        match error {
            StreamError::Violation(violation) => violation.into(),
            StreamError::OnlyVersion2 => Self::OnlyVersion2,
            error => Self::lost(error),
        }
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
