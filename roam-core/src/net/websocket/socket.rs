//! The socket beneath tungstenite.

use std::future::Future;
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};

use crate::proto::MAX_HELLO_FRAME;

/// A socket that reads ahead while data keeps coming.
///
/// Tungstenite keeps its read buffer forever, so ours is a few KiB; without reading ahead, a large
/// frame would cost a system call for each such piece.
///
/// Before the first frame, it reads no more than the longest first frame: tungstenite has one limit
/// for all frames of a socket, and holds a partial frame until it is complete.
#[derive(Debug)]
pub(super) struct Socket<S> {
    inner: S,
    /// Bytes that may be read before the first frame is complete; `None` afterwards.
    hello: Option<usize>,
    /// Whether the last read filled a buffer of at least [`READ_AHEAD_TRIGGER`].
    has_more: bool,
    /// Bytes that were read ahead.
    ahead: BytesMut,
    /// How many bytes were read from `inner`.
    heard: u64,
}

/// The first frame exceeds its limit.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("a first frame of more than {MAX_HELLO_FRAME} bytes")]
pub(super) struct HelloTooLong;

/// The longest header of a frame: RFC 6455, section 5.2.
const MAX_FRAME_HEADER: usize = 14;
/// A read that fills at least this much announces more. Smaller reads fill what happens to be left of
/// tungstenite's buffer.
const READ_AHEAD_TRIGGER: usize = 2 * 1024;
/// How much is read ahead at once.
const READ_AHEAD: usize = 64 * 1024;

impl<S> Socket<S> {
    /// Creates a socket that reads no more than the longest first frame.
    pub(super) fn until_hello(inner: S) -> Self {
        Self {
            hello: Some(MAX_FRAME_HEADER + MAX_HELLO_FRAME),
            ..Self::new(inner)
        }
    }

    pub(super) fn new(inner: S) -> Self {
        Self {
            inner,
            hello: None,
            has_more: false,
            ahead: BytesMut::new(),
            heard: 0,
        }
    }

    /// Returns how many bytes were read from the socket.
    pub(super) fn heard(&self) -> u64 {
        self.heard
    }

    /// Lifts the limit, since the first frame is complete.
    pub(super) fn lift_limit(&mut self) {
        self.hello = None;
    }
}

impl<S: AsyncRead + Unpin> Socket<S> {
    fn poll_limited(
        &mut self,
        left: usize,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if left == 0 {
            return Poll::Ready(Err(io::Error::other(HelloTooLong)));
        }
        let room = into.remaining().min(left);
        let mut limited = ReadBuf::new(into.initialize_unfilled_to(room));
        let result = Pin::new(&mut self.inner).poll_read(cx, &mut limited);
        let read = limited.filled().len();
        self.hello = Some(left - read);
        self.heard += read as u64;
        into.advance(read);
        result
    }

    fn poll_direct(
        &mut self,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let room = into.remaining();
        ready!(Pin::new(&mut self.inner).poll_read(cx, into))?;
        self.heard += (room - into.remaining()) as u64;
        self.has_more = into.remaining() == 0 && room >= READ_AHEAD_TRIGGER;
        Poll::Ready(Ok(()))
    }

    /// Reads ahead. Reads nothing at the end of the stream.
    fn poll_ahead(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // Reuses the memory.
        self.ahead.reserve(READ_AHEAD);
        // Dropping a pending read loses nothing.
        let read = pin!(self.inner.read_buf(&mut self.ahead)).poll(cx)?;
        if read.is_pending() {
            self.has_more = false;
            self.ahead = BytesMut::new();
        }
        read.map(|read| {
            self.heard += read as u64;
            Ok(())
        })
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Socket<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if let Some(left) = this.hello {
            return this.poll_limited(left, cx, into);
        }
        if this.ahead.is_empty() {
            if !this.has_more {
                return this.poll_direct(cx, into);
            }
            ready!(this.poll_ahead(cx))?;
        }
        let len = into.remaining().min(this.ahead.len());
        into.put_slice(&this.ahead[..len]);
        this.ahead.advance(len);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Socket<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().inner).poll_write(cx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().inner).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().inner).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncWriteExt, DuplexStream, duplex};

    use super::*;

    /// Returns a socket and its peer, with a buffer of 1 MiB in between.
    fn pair() -> (Socket<DuplexStream>, DuplexStream) {
        let (ours, theirs) = duplex(1 << 20);
        (Socket::new(ours), theirs)
    }

    async fn read(socket: &mut Socket<DuplexStream>, most: usize) -> Vec<u8> {
        let mut bytes = vec![0; most];
        let len = socket.read(&mut bytes).await.unwrap();
        bytes.truncate(len);
        bytes
    }

    fn is_pending(socket: &mut Socket<DuplexStream>) -> bool {
        let mut bytes = [0; 10];
        let mut into = ReadBuf::new(&mut bytes);
        let mut cx = Context::from_waker(std::task::Waker::noop());
        Pin::new(socket).poll_read(&mut cx, &mut into).is_pending()
    }

    #[tokio::test]
    async fn reading_ahead_keeps_every_byte_in_order() {
        let (mut socket, mut peer) = pair();
        let sent: Vec<u8> = (0..200_000_u32).map(|n| n.to_le_bytes()[0]).collect();
        peer.write_all(&sent).await.unwrap();
        drop(peer);
        let mut received = Vec::new();
        loop {
            let piece = read(&mut socket, 4_000).await;
            if piece.is_empty() {
                break;
            }
            received.extend(piece);
        }
        assert!(received == sent);
    }

    #[tokio::test]
    async fn reads_ahead_only_after_full_reads() {
        let (mut socket, mut peer) = pair();
        peer.write_all(&[7; 3_999]).await.unwrap();
        assert_eq!(read(&mut socket, 4_000).await.len(), 3_999);
        peer.write_all(&[7; 1_500]).await.unwrap();
        for len in [1_000, 500] {
            assert_eq!(read(&mut socket, 1_000).await.len(), len);
        }
        assert_eq!(socket.ahead.capacity(), 0);
        peer.write_all(&[7; 4_500]).await.unwrap();
        assert_eq!(read(&mut socket, 4_000).await.len(), 4_000);
        assert_eq!(read(&mut socket, 100).await.len(), 100);
        assert_eq!(socket.ahead.len(), 400);
    }

    #[tokio::test]
    async fn frees_the_buffer_when_nothing_more_comes() {
        let (mut socket, mut peer) = pair();
        peer.write_all(&[7; 4_500]).await.unwrap();
        for len in [4_000, 500] {
            assert_eq!(read(&mut socket, 4_000).await.len(), len);
        }
        assert!(is_pending(&mut socket));
        assert_eq!(socket.ahead.capacity(), 0);
    }

    #[tokio::test]
    async fn reads_at_most_the_longest_first_frame() {
        let (ours, mut peer) = duplex(1 << 20);
        let mut socket = Socket::until_hello(ours);
        peer.write_all(&vec![7; 100_000]).await.unwrap();
        let longest = MAX_FRAME_HEADER + MAX_HELLO_FRAME;
        assert_eq!(read(&mut socket, 100_000).await.len(), longest);
        let error = socket.read(&mut [0; 10]).await.unwrap_err();
        assert!(error.get_ref().unwrap().is::<HelloTooLong>());
        socket.lift_limit();
        assert_eq!(read(&mut socket, 10).await.len(), 10);
    }
}
