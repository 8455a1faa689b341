//! Keeps a peer from filling memory before it has said Hello.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::proto::MAX_HELLO_FRAME;

/// A socket of which no more is read than the longest first frame takes, until that frame is
/// there: tungstenite has one limit for all frames of a socket, and holds what it has read of one
/// until it has all of it.
#[derive(Debug)]
pub(super) struct HelloLimit<S> {
    socket: S,
    /// How many bytes may still be read; `None` once the first frame is there.
    left: Option<usize>,
}

/// The first frame is longer than it may be.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("a first frame of more than {MAX_HELLO_FRAME} bytes")]
pub(super) struct HelloTooLong;

/// What stands before a frame's payload, at most: RFC 6455, 5.2.
const MAX_FRAME_HEADER: usize = 14;

impl<S> HelloLimit<S> {
    pub(super) fn new(socket: S) -> Self {
        Self {
            socket,
            left: Some(MAX_FRAME_HEADER + MAX_HELLO_FRAME),
        }
    }

    pub(super) fn lift(&mut self) {
        self.left = None;
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for HelloLimit<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let Self { socket, left } = self.get_mut();
        let Some(left) = left else {
            return Pin::new(socket).poll_read(cx, into);
        };
        if *left == 0 {
            return Poll::Ready(Err(io::Error::other(HelloTooLong)));
        }
        let room = into.remaining().min(*left);
        let mut limited = ReadBuf::new(into.initialize_unfilled_to(room));
        let result = Pin::new(socket).poll_read(cx, &mut limited);
        let read = limited.filled().len();
        *left -= read;
        into.advance(read);
        result
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for HelloLimit<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().socket).poll_write(cx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().socket).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().socket).poll_shutdown(cx)
    }
}
