//! WebSocket for native programs, as client and as server, on tokio-tungstenite.

mod client;
mod pulse;
mod socket;

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures::{Sink, Stream};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message};

use crate::proto::{Close, Config, Framing, PeerClose, Rule};
use crate::rt::MaybeSend;
use crate::transport::{Transport, TransportError};

use pulse::{Ping, Pulse};
use socket::{HelloTooLong, Socket};

pub use client::{ClientTransport, Dialer, connect};

pub use crate::transport::{LINK, PACKED, SINGLE, Subprotocols, framing_of};

const BEST_FIRST: [&str; 3] = [LINK, PACKED, SINGLE];

/// Selects one of the subprotocols that a client offers in its `Sec-WebSocket-Protocol` headers.
/// Returns `None` when it offers none that is known.
pub fn pick_subprotocol<'a>(offered: impl IntoIterator<Item = &'a str>) -> Option<&'static str> {
    let names = offered.into_iter().flat_map(|value| value.split(','));
    let known = names.filter_map(|name| {
        let name = name.trim();
        BEST_FIRST.iter().position(|known| *known == name)
    });
    known.min().map(|best| BEST_FIRST[best])
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
    /// Notices that the peer is gone, where the link does not.
    pulse: Option<Box<Pulse<S>>>,
    /// How many frames were sent.
    sent: u64,
    /// Called when the first frame has arrived.
    on_hello: Option<fn(&mut S)>,
    /// Our close frame is queued.
    closing: bool,
    /// Everything was sent, and the socket was shut down.
    finished: bool,
    /// The peer's close frame, if one has arrived.
    peer_close: Option<PeerClose>,
    peer: Option<SocketAddr>,
}

impl<S> WebSocketTransport<S> {
    /// Takes over a socket after the WebSocket handshake that selected `subprotocol`.
    fn new(
        socket: WebSocketStream<S>,
        subprotocol: Option<&str>,
        peer: Option<SocketAddr>,
    ) -> Self {
        Self {
            socket,
            framing: framing_of(subprotocol),
            pulse: None,
            sent: 0,
            on_hello: None,
            closing: false,
            finished: false,
            peer_close: None,
            peer,
        }
    }

    /// Sends pings to a peer that only knows version 2 of the protocol. `heard` returns how many bytes were read
    /// from the socket.
    fn with_pulse(mut self, config: &Config, heard: fn(&S) -> u64) -> Self {
        if self.framing != Framing::Numbered {
            self.pulse = Some(Box::new(Pulse::new(config, heard)));
        }
        self
    }
}

/// Takes over a socket as a server, after the WebSocket handshake that selected `subprotocol`. `peer`
/// is the address of the client's socket, where known.
pub async fn adopt<S>(
    socket: S,
    subprotocol: Option<&str>,
    peer: Option<SocketAddr>,
    config: &Config,
) -> ServerTransport<S>
where
    S: AsyncRead + AsyncWrite + Unpin + MaybeSend + 'static,
{
    let socket = Socket::until_hello(socket);
    let limits = Some(socket_config(config));
    let socket = WebSocketStream::from_raw_socket(socket, Role::Server, limits).await;
    let transport = WebSocketTransport::new(socket, subprotocol, peer);
    ServerTransport(WebSocketTransport {
        on_hello: Some(Socket::lift_limit),
        ..transport.with_pulse(config, Socket::heard)
    })
}

/// A WebSocket that a server has [adopted](adopt).
#[derive(Debug)]
pub struct ServerTransport<S>(WebSocketTransport<Socket<S>>);

impl<S> Transport for ServerTransport<S>
where
    S: AsyncRead + AsyncWrite + Unpin + MaybeSend + 'static,
{
    fn framing(&self) -> Framing {
        self.0.framing()
    }

    fn peer_addr(&self) -> Option<SocketAddr> {
        self.0.peer_addr()
    }

    fn poll_receive(&mut self, cx: &mut Context<'_>) -> Poll<Result<Bytes, TransportError>> {
        self.0.poll_receive(cx)
    }

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), TransportError>> {
        self.0.poll_ready(cx)
    }

    fn start_send(&mut self, frame: Bytes) -> Result<(), TransportError> {
        self.0.start_send(frame)
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), TransportError>> {
        self.0.poll_flush(cx)
    }

    fn poll_close(
        &mut self,
        close: &Close,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), TransportError>> {
        self.0.poll_close(close, cx)
    }
}

impl<S> Transport for WebSocketTransport<S>
where
    S: AsyncRead + AsyncWrite + Unpin + MaybeSend + 'static,
{
    fn framing(&self) -> Framing {
        self.framing
    }

    fn peer_addr(&self) -> Option<SocketAddr> {
        self.peer
    }

    fn poll_receive(&mut self, cx: &mut Context<'_>) -> Poll<Result<Bytes, TransportError>> {
        loop {
            let Poll::Ready(message) = Pin::new(&mut self.socket).poll_next(cx) else {
                return self.poll_gone(cx).map(|()| Err(TransportError::Silent));
            };
            let Some(message) = message else {
                let close = self.peer_close.take().unwrap_or(PeerClose::ABNORMAL);
                return Poll::Ready(Err(close.into()));
            };
            match message.map_err(receive_error)? {
                Message::Binary(frame) => {
                    if let Some(lift) = self.on_hello.take() {
                        lift(self.socket.get_mut());
                    }
                    return Poll::Ready(Ok(frame));
                }
                Message::Text(_) => return Poll::Ready(Err(text_frame())),
                Message::Close(frame) => self.peer_close = Some(peer_close(frame)),
                // Tungstenite answers pings.
                _ => {}
            }
        }
    }

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), TransportError>> {
        let ready = Pin::new(&mut self.socket).poll_ready(cx);
        ready.map_err(|error| self.send_error(error))
    }

    fn start_send(&mut self, frame: Bytes) -> Result<(), TransportError> {
        self.sent += 1;
        let sent = Pin::new(&mut self.socket).start_send(Message::Binary(frame));
        sent.map_err(|error| self.send_error(error))
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), TransportError>> {
        let flushed = Pin::new(&mut self.socket).poll_flush(cx);
        flushed.map_err(|error| self.send_error(error))
    }

    /// Ready when the peer has closed the socket as well. Until then its data is discarded: closing a
    /// socket with unread data drops what was sent last, and a peer that is busy sending would never
    /// learn why the link ended.
    fn poll_close(
        &mut self,
        close: &Close,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), TransportError>> {
        let closed = self.poll_discard(cx);
        if !self.finished {
            ready!(self.poll_close_frame(close, cx)).map_err(TransportError::lost)?;
            let socket = Pin::new(self.socket.get_mut());
            ready!(socket.poll_shutdown(cx)).map_err(TransportError::lost)?;
            self.finished = true;
        }
        closed.map(Ok)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> WebSocketTransport<S> {
    /// Ready when the peer is gone. Sends pings meanwhile.
    #[inline]
    fn poll_gone(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(pulse) = &mut self.pulse else {
            return Poll::Pending;
        };
        if pulse
            .poll_gone(self.socket.get_ref(), self.sent, cx)
            .is_ready()
        {
            return Poll::Ready(());
        }
        // If the socket has failed, reading tells.
        let mut socket = Pin::new(&mut self.socket);
        if pulse.ping == Ping::Wanted && socket.as_mut().poll_ready(cx).is_ready() {
            let _ = socket.as_mut().start_send(Message::Ping(Bytes::new()));
            pulse.ping = Ping::Unflushed;
        }
        if pulse.ping == Ping::Unflushed && socket.poll_flush(cx).is_ready() {
            pulse.ping = Ping::None;
        }
        Poll::Pending
    }

    /// Returns why a frame was not sent: the peer's close frame says more than the socket.
    #[cold]
    fn send_error(&self, error: Error) -> TransportError {
        match &self.peer_close {
            Some(close) => close.clone().into(),
            None => TransportError::lost(error),
        }
    }

    /// Sends all frames and the close frame.
    fn poll_close_frame(&mut self, close: &Close, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let mut socket = Pin::new(&mut self.socket);
        if !self.closing {
            let frame = CloseFrame {
                code: close.code().into(),
                reason: close.reason().into(),
            };
            match socket.as_mut().start_send(Message::Close(Some(frame))) {
                // The peer has closed the socket, and tungstenite has answered that.
                Ok(()) | Err(Error::ConnectionClosed | Error::Protocol(_)) => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
            self.closing = true;
        }
        socket.poll_close(cx)
    }

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

fn peer_close(frame: Option<CloseFrame>) -> PeerClose {
    frame.map_or(PeerClose::NO_CODE, |frame| PeerClose {
        code: frame.code.into(),
        reason: frame.reason.as_str().to_owned(),
    })
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
    fn picks_the_best_subprotocol() {
        assert_eq!(
            pick_subprotocol(["roam.v2", "chat,roam.v2.packed"]),
            Some(PACKED)
        );
        let all = ["roam.v2.packed, roam.v2", "roam.v2.link"];
        assert_eq!(pick_subprotocol(all), Some(LINK));
        assert_eq!(pick_subprotocol(["chat, roam.v2"]), Some(SINGLE));
        assert_eq!(pick_subprotocol(["chat"]), None);
        assert_eq!(pick_subprotocol([]), None);
    }
}
