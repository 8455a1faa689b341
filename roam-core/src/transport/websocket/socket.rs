//! What tungstenite reads from and writes to.

use std::future::Future;
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};

use crate::proto::MAX_HELLO_FRAME;

/// A socket of which little is read while little comes, and much at once while more does.
///
/// Tungstenite reads a few KiB at a time, since it keeps a buffer of that size for good. So a large
/// frame would cost it a system call for each such piece.
///
/// Until the first frame is there, no more is read than the longest that it may be: tungstenite has
/// one limit for all frames of a socket, and holds what it has read of one until it has all of it.
#[derive(Debug)]
pub(super) struct Socket<S> {
    inner: S,
    /// How many bytes may still be read; `None` once the first frame is there.
    hello: Option<usize>,
    /// Whether the last read filled all that it was to fill, and that was [`MUCH`].
    has_more: bool,
    /// What was read and not yet asked for.
    ahead: BytesMut,
}

/// The first frame is longer than it may be.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("a first frame of more than {MAX_HELLO_FRAME} bytes")]
pub(super) struct HelloTooLong;

/// What stands before a frame's payload, at most: RFC 6455, 5.2.
const MAX_FRAME_HEADER: usize = 14;
/// What a read has to fill for more to be expected. Less is what is left of tungstenite's buffer now
/// and then, which says nothing.
const MUCH: usize = 2 * 1024;
/// How much is read at once while more comes than is asked for.
const READ_AHEAD: usize = 64 * 1024;

impl<S> Socket<S> {
    /// A socket of which no more is read than the longest first frame takes.
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
        }
    }

    /// The first frame is there.
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
        self.has_more = into.remaining() == 0 && room >= MUCH;
        Poll::Ready(Ok(()))
    }

    /// Reads ahead; nothing at the end of the stream.
    fn poll_ahead(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // Takes the same memory again.
        self.ahead.reserve(READ_AHEAD);
        // A read that is dropped while it is pending has read nothing.
        let read = pin!(self.inner.read_buf(&mut self.ahead)).poll(cx)?;
        if read.is_pending() {
            self.has_more = false;
            self.ahead = BytesMut::new();
        }
        read.map(|_| Ok(()))
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

    /// A socket, and its peer, between which 1 MiB may be under way.
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
    async fn nothing_is_lost_or_moved_by_reading_ahead() {
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
    async fn it_reads_ahead_only_where_more_comes_than_is_asked_for() {
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
    async fn its_room_is_given_back_when_nothing_more_comes() {
        let (mut socket, mut peer) = pair();
        peer.write_all(&[7; 4_500]).await.unwrap();
        for len in [4_000, 500] {
            assert_eq!(read(&mut socket, 4_000).await.len(), len);
        }
        assert!(is_pending(&mut socket));
        assert_eq!(socket.ahead.capacity(), 0);
    }

    #[tokio::test]
    async fn no_more_is_read_before_the_first_frame_than_it_may_be_long() {
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
