//! WebSocket for native programs, as client and as server, on tokio-tungstenite.

mod client;
mod socket;

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures::{Sink, Stream};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message};

use crate::proto::{Config, Framing, Rule};
use crate::rt::MaybeSend;
use crate::transport::{Transport, TransportError};

use socket::{HelloTooLong, Socket};

pub use client::{ClientTransport, Dialer, connect};

pub use crate::transport::{PACKED, SINGLE, Subprotocols, framing_of};

/// Selects one of the subprotocols that a client offers in its `Sec-WebSocket-Protocol` headers.
/// Returns `None` when it offers none that is known.
pub fn pick_subprotocol<'a>(offered: impl IntoIterator<Item = &'a str>) -> Option<&'static str> {
    let mut single = None;
    for name in offered.into_iter().flat_map(|value| value.split(',')) {
        match name.trim() {
            PACKED => return Some(PACKED),
            SINGLE => single = Some(SINGLE),
            _ => {}
        }
    }
    single
}

/// Returns socket settings that enforce the limits of `config` and cost little while idle.
fn socket_config(config: &Config) -> WebSocketConfig {
    WebSocketConfig::default()
        // An idle link holds this buffer; the default is 128 KiB.
        .read_buffer_size(4 * 1024)
        .write_buffer_size(64 * 1024)
        .max_message_size(Some(config.max_frame()))
        .max_frame_size(Some(config.max_frame()))
}

/// A WebSocket that carries a link.
#[derive(Debug)]
struct WebSocketTransport<S> {
    socket: WebSocketStream<S>,
    framing: Framing,
    /// Called when the first frame has arrived.
    on_hello: Option<fn(&mut S)>,
    /// Everything was sent, and the socket was shut down.
    finished: bool,
}

impl<S> WebSocketTransport<S> {
    /// Takes over a socket after the WebSocket handshake that selected `subprotocol`.
    fn new(socket: WebSocketStream<S>, subprotocol: Option<&str>) -> Self {
        Self {
            socket,
            framing: framing_of(subprotocol),
            on_hello: None,
            finished: false,
        }
    }
}

/// Takes over a socket as a server, after the WebSocket handshake that selected `subprotocol`.
pub async fn adopt<S>(socket: S, subprotocol: Option<&str>, config: &Config) -> impl Transport
where
    S: AsyncRead + AsyncWrite + Unpin + MaybeSend + 'static,
{
    let socket = Socket::until_hello(socket);
    let config = Some(socket_config(config));
    let socket = WebSocketStream::from_raw_socket(socket, Role::Server, config).await;
    WebSocketTransport {
        on_hello: Some(Socket::lift_limit),
        ..WebSocketTransport::new(socket, subprotocol)
    }
}

impl<S> Transport for WebSocketTransport<S>
where
    S: AsyncRead + AsyncWrite + Unpin + MaybeSend + 'static,
{
    fn framing(&self) -> Framing {
        self.framing
    }

    fn poll_receive(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Option<Bytes>, TransportError>> {
        loop {
            let message = match ready!(Pin::new(&mut self.socket).poll_next(cx)) {
                Some(message) => message.map_err(receive_error)?,
                None => return Poll::Ready(Ok(None)),
            };
            match message {
                Message::Binary(frame) => {
                    if let Some(lift) = self.on_hello.take() {
                        lift(self.socket.get_mut());
                    }
                    return Poll::Ready(Ok(Some(frame)));
                }
                Message::Text(_) => return Poll::Ready(Err(text_frame())),
                // Tungstenite answers pings. After a close frame the stream ends.
                _ => {}
            }
        }
    }

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), TransportError>> {
        Pin::new(&mut self.socket)
            .poll_ready(cx)
            .map_err(TransportError::lost)
    }

    fn start_send(&mut self, frame: Bytes) -> Result<(), TransportError> {
        Pin::new(&mut self.socket)
            .start_send(Message::Binary(frame))
            .map_err(TransportError::lost)
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), TransportError>> {
        Pin::new(&mut self.socket)
            .poll_flush(cx)
            .map_err(TransportError::lost)
    }

    /// Ready when the peer has closed the socket as well. Until then its data is discarded: closing a
    /// socket with unread data drops what was sent last, and a peer that is busy sending would never
    /// learn why the link ended.
    fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), TransportError>> {
        let closed = self.poll_discard(cx);
        if !self.finished {
            ready!(Pin::new(&mut self.socket).poll_close(cx)).map_err(TransportError::lost)?;
            let socket = Pin::new(self.socket.get_mut());
            ready!(socket.poll_shutdown(cx)).map_err(TransportError::lost)?;
            self.finished = true;
        }
        closed.map(Ok)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> WebSocketTransport<S> {
    /// Reads and discards data. Ready when nothing more can arrive.
    fn poll_discard(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let mut bytes = [0; 4 * 1024];
        loop {
            let mut read = ReadBuf::new(&mut bytes);
            let result = ready!(Pin::new(self.socket.get_mut()).poll_read(cx, &mut read));
            if result.is_err() || read.filled().is_empty() {
                return Poll::Ready(());
            }
        }
    }
}

fn text_frame() -> TransportError {
    Rule::DecodeError.because("text frame").into()
}

fn receive_error(error: Error) -> TransportError {
    match error {
        Error::Capacity(error) => Rule::TooLarge.because(error.to_string()).into(),
        Error::Utf8(_) => text_frame(),
        Error::Io(error) if is_hello_too_long(&error) => {
            Rule::TooLarge.because(HelloTooLong.to_string()).into()
        }
        error => TransportError::lost(error),
    }
}

fn is_hello_too_long(error: &io::Error) -> bool {
    matches!(error.get_ref(), Some(inner) if inner.is::<HelloTooLong>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefers_the_packed_subprotocol() {
        assert_eq!(
            pick_subprotocol(["roam.v2", "chat,roam.v2.packed"]),
            Some(PACKED)
        );
        assert_eq!(pick_subprotocol(["chat, roam.v2"]), Some(SINGLE));
        assert_eq!(pick_subprotocol(["chat"]), None);
        assert_eq!(pick_subprotocol([]), None);
    }
}
