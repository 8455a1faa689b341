//! A raw peer that sends hand-written frames and sees every message it receives.
#![expect(clippy::missing_panics_doc, reason = "a test that panics has failed")]

mod messages;

use std::collections::VecDeque;
use std::net::SocketAddr;

use bytes::{BufMut, Bytes};
use futures::{SinkExt, StreamExt};
use roam_core::net::websocket::{PACKED, SINGLE};
use roam_core::proto::{ChannelId, Hello, Message, MethodId};
use roam_core::{ConnectionId, Metadata, Rule};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::http::header::SEC_WEBSOCKET_PROTOCOL;
use tokio_tungstenite::tungstenite::{Error, Message as Frame};
use tokio_tungstenite::{WebSocketStream, accept_hdr_async, client_async};

pub use messages::{close, credit, data, encoded, put_varint, request, reset, response, text};

/// The id of the root connection.
pub const ROOT: ConnectionId = ConnectionId::ROOT;

/// The framing of a link, and how the peers agree on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// They agree on `roam.v2.packed`.
    Packed,
    /// They agree on `roam.v2`.
    Single,
    /// No subprotocol is offered.
    Unnamed,
}

/// A raw peer, which sends hand-written frames.
#[derive(Debug)]
pub struct Peer {
    socket: WebSocketStream<TcpStream>,
    framing: Framing,
    /// Messages of the last frame that have not been read yet.
    received: VecDeque<Bytes>,
}

impl Framing {
    fn offer(self) -> Option<HeaderValue> {
        match self {
            Self::Packed => Some(HeaderValue::from_static("roam.v2.packed, roam.v2")),
            Self::Single => Some(HeaderValue::from_static(SINGLE)),
            Self::Unnamed => None,
        }
    }

    fn name(self) -> Option<HeaderValue> {
        match self {
            Self::Packed => Some(HeaderValue::from_static(PACKED)),
            Self::Single => Some(HeaderValue::from_static(SINGLE)),
            Self::Unnamed => None,
        }
    }
}

impl Peer {
    /// Connects to a server and asserts that it picks the subprotocol of `framing`.
    pub async fn connect(server: SocketAddr, framing: Framing) -> Self {
        let mut request = format!("ws://{server}/")
            .into_client_request()
            .expect("invalid URL");
        if let Some(offer) = framing.offer() {
            request.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, offer);
        }
        let socket = TcpStream::connect(server).await.expect("failed to connect");
        socket.set_nodelay(true).expect("the socket is closed");
        let (socket, response) = client_async(request, socket)
            .await
            .expect("the server refused the WebSocket");
        let picked = response.headers().get(SEC_WEBSOCKET_PROTOCOL);
        assert_eq!(picked, framing.name().as_ref());
        Self {
            socket,
            framing,
            received: VecDeque::new(),
        }
    }

    /// Accepts a client and picks the subprotocol of `framing`. Asserts that the client offers any
    /// subprotocols, or none for `Unnamed`.
    pub async fn accept(listener: &TcpListener, framing: Framing) -> Self {
        let (socket, _) = listener.accept().await.expect("failed to accept a client");
        socket.set_nodelay(true).expect("the socket is closed");
        #[expect(
            clippy::result_large_err,
            reason = "tungstenite requires this signature"
        )]
        let respond = |request: &Request, mut response: Response| -> Result<_, ErrorResponse> {
            let offered = request.headers().get(SEC_WEBSOCKET_PROTOCOL);
            assert_eq!(offered.is_some(), framing != Framing::Unnamed);
            if let Some(name) = framing.name() {
                response.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, name);
            }
            Ok(response)
        };
        let socket = accept_hdr_async(socket, respond)
            .await
            .expect("the client failed to open a WebSocket");
        Self {
            socket,
            framing,
            received: VecDeque::new(),
        }
    }

    /// Sends `ours` and returns the Hello of the other peer.
    pub async fn handshake(&mut self, ours: Hello) -> Hello {
        self.send(&Message::Hello(ours)).await;
        let theirs = self.next().await;
        match Message::decode(&theirs) {
            Ok(Message::Hello(theirs)) => theirs,
            other => panic!("expected Hello, got {other:?}"),
        }
    }

    /// Returns the framing of this link.
    pub fn framing(&self) -> Framing {
        self.framing
    }

    // Sending.

    /// Sends a message.
    pub async fn send(&mut self, message: &Message<'_>) {
        self.send_all(std::slice::from_ref(message)).await;
    }

    /// Sends messages, in one frame if the framing packs.
    pub async fn send_all(&mut self, messages: &[Message<'_>]) {
        let encoded: Vec<_> = messages.iter().map(encoded).collect();
        self.send_bytes(&encoded).await;
    }

    /// Sends encoded messages, in one frame if the framing packs.
    pub async fn send_bytes<B: AsRef<[u8]>>(&mut self, messages: &[B]) {
        if self.framing == Framing::Packed {
            let mut frame = Vec::new();
            for message in messages {
                put_varint(&mut frame, message.as_ref().len() as u64);
                frame.put_slice(message.as_ref());
            }
            self.send_frame(frame).await;
        } else {
            for message in messages {
                self.send_frame(message.as_ref().to_vec()).await;
            }
        }
    }

    /// Sends a binary frame unchanged.
    pub async fn send_frame(&mut self, frame: impl Into<Bytes>) {
        self.try_send_frame(Frame::Binary(frame.into()))
            .await
            .expect("the socket is closed");
    }

    /// Sends a message, if the socket is still open.
    pub async fn try_send(&mut self, message: &Message<'_>) -> Result<(), Error> {
        let mut bytes = Vec::new();
        message.encode(&mut bytes);
        let mut frame = Vec::new();
        if self.framing == Framing::Packed {
            put_varint(&mut frame, bytes.len() as u64);
        }
        frame.extend(bytes);
        self.try_send_frame(Frame::binary(frame)).await
    }

    /// Sends a frame of any kind, if the socket is still open.
    pub async fn try_send_frame(&mut self, frame: Frame) -> Result<(), Error> {
        self.socket.send(frame).await
    }

    /// Sends a Request whose encoded arguments are `payload`.
    pub async fn request(
        &mut self,
        connection: ConnectionId,
        id: u64,
        method: MethodId,
        channels: &[ChannelId],
        payload: &[u8],
    ) {
        self.send(&request(connection, id, method, channels, payload))
            .await;
    }

    // Receiving.

    /// Receives the next message.
    pub async fn next(&mut self) -> Bytes {
        loop {
            if let Some(message) = self.received.pop_front() {
                return message;
            }
            match self.socket.next().await {
                Some(Ok(Frame::Binary(frame))) => self.unpack(&frame),
                other => panic!("expected a message, got {other:?}"),
            }
        }
    }

    /// Receives a message and asserts that it is `expected`.
    pub async fn expect(&mut self, expected: &Message<'_>) {
        let message = self.next().await;
        assert_eq!(Message::decode(&message).as_ref(), Ok(expected));
    }

    /// Receives a message and asserts that it is a Goodbye for `rule` on `connection`.
    pub async fn expect_goodbye(&mut self, connection: ConnectionId, rule: Rule) {
        let (on, reason) = self.goodbye().await;
        let begins = reason == rule.id() || reason.starts_with(&format!("{rule}: "));
        assert!(
            on == connection && begins,
            "expected {rule} on {connection}, got {reason} on {on}"
        );
    }

    /// Receives a Goodbye and returns its connection and reason.
    pub async fn goodbye(&mut self) -> (ConnectionId, String) {
        let message = self.next().await;
        match Message::decode(&message) {
            Ok(Message::Goodbye { connection, reason }) => (connection, reason.to_owned()),
            other => panic!("expected Goodbye, got {other:?}"),
        }
    }

    /// Receives the Response to a call and returns its metadata and payload.
    pub async fn response(&mut self, connection: ConnectionId, id: u64) -> (Metadata, Vec<u8>) {
        let message = self.next().await;
        Self::check_response(&message, connection, id)
    }

    /// Receives a Response like [`response`](Self::response), skipping Resets before it.
    pub async fn response_after_resets(
        &mut self,
        connection: ConnectionId,
        id: u64,
    ) -> (Metadata, Vec<u8>) {
        loop {
            let message = self.next().await;
            if !matches!(Message::decode(&message), Ok(Message::Reset { .. })) {
                return Self::check_response(&message, connection, id);
            }
        }
    }

    fn check_response(message: &[u8], connection: ConnectionId, id: u64) -> (Metadata, Vec<u8>) {
        match Message::decode(message) {
            Ok(Message::Response {
                connection: on,
                request,
                metadata,
                payload,
                ..
            }) if on == connection && request.0 == id => (metadata.into_owned(), payload.to_vec()),
            other => panic!("expected a Response to {id}, got {other:?}"),
        }
    }

    /// Asserts that the socket is closed with a close frame and no further message.
    pub async fn expect_close(&mut self) {
        assert_eq!(self.received.pop_front(), None);
        match self.socket.next().await {
            Some(Ok(Frame::Close(_))) => {}
            other => panic!("expected a close frame, got {other:?}"),
        }
        assert!(matches!(self.socket.next().await, None | Some(Err(_))));
    }

    /// Receives messages until a Goodbye for the link and returns its reason.
    pub async fn link_goodbye(&mut self) -> String {
        loop {
            let message = self.next().await;
            if let Ok(Message::Goodbye {
                connection: ROOT,
                reason,
            }) = Message::decode(&message)
            {
                return reason.to_owned();
            }
        }
    }

    fn unpack(&mut self, frame: &Bytes) {
        if self.framing != Framing::Packed {
            return self.received.push_back(frame.clone());
        }
        let mut rest = frame.clone();
        while !rest.is_empty() {
            let len = take_varint(&mut rest);
            self.received.push_back(rest.split_to(len));
        }
    }
}

fn take_varint(bytes: &mut Bytes) -> usize {
    let end = bytes
        .iter()
        .position(|byte| byte & 0x80 == 0)
        .expect("truncated varint");
    let digits = bytes.split_to(end + 1);
    digits
        .iter()
        .rev()
        .fold(0, |value, digit| value << 7 | usize::from(digit & 0x7f))
}
