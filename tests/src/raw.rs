//! A peer that writes the wire by hand: it sends what no honest peer would, and sees every message
//! that comes back.
#![expect(clippy::missing_panics_doc, reason = "a test that panics has failed")]

mod messages;

use std::collections::VecDeque;
use std::net::SocketAddr;

use bytes::{BufMut, Bytes};
use futures::{SinkExt, StreamExt};
use roam_core::proto::{ChannelId, Hello, Message, MethodId};
use roam_core::transport::websocket::{PACKED, SINGLE};
use roam_core::{ConnectionId, Metadata, Rule};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::http::header::SEC_WEBSOCKET_PROTOCOL;
use tokio_tungstenite::tungstenite::{Error, Message as Frame};
use tokio_tungstenite::{WebSocketStream, accept_hdr_async, client_async};

pub use messages::{close, credit, data, encoded, put_varint, request, reset, response, text};

/// The connection that every link has.
pub const ROOT: ConnectionId = ConnectionId::ROOT;

/// How the two ends come to speak to each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wire {
    /// They agree on `roam.v2.packed`.
    Packed,
    /// They agree on `roam.v2`.
    Single,
    /// No subprotocol is offered.
    Unnamed,
}

/// A peer that writes the wire by hand.
#[derive(Debug)]
pub struct Peer {
    socket: WebSocketStream<TcpStream>,
    wire: Wire,
    /// What came in one frame, and was not asked for yet.
    received: VecDeque<Bytes>,
}

impl Wire {
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
    /// Connects to a server, which is to pick what `wire` says.
    pub async fn connect(server: SocketAddr, wire: Wire) -> Self {
        let mut request = format!("ws://{server}/")
            .into_client_request()
            .expect("an address");
        if let Some(offer) = wire.offer() {
            request.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, offer);
        }
        let socket = TcpStream::connect(server).await.expect("a server");
        socket.set_nodelay(true).expect("an open socket");
        let (socket, response) = client_async(request, socket)
            .await
            .expect("a WebSocket server");
        let picked = response.headers().get(SEC_WEBSOCKET_PROTOCOL);
        assert_eq!(picked, wire.name().as_ref());
        Self {
            socket,
            wire,
            received: VecDeque::new(),
        }
    }

    /// Accepts a client, which is to offer what `wire` says, and picks that.
    pub async fn accept(listener: &TcpListener, wire: Wire) -> Self {
        let (socket, _) = listener.accept().await.expect("a client");
        socket.set_nodelay(true).expect("an open socket");
        #[expect(
            clippy::result_large_err,
            reason = "the form that tungstenite asks for"
        )]
        let respond = |request: &Request, mut response: Response| -> Result<_, ErrorResponse> {
            let offered = request.headers().get(SEC_WEBSOCKET_PROTOCOL);
            assert_eq!(offered.is_some(), wire != Wire::Unnamed);
            if let Some(name) = wire.name() {
                response.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, name);
            }
            Ok(response)
        };
        let socket = accept_hdr_async(socket, respond)
            .await
            .expect("a WebSocket client");
        Self {
            socket,
            wire,
            received: VecDeque::new(),
        }
    }

    /// Sends its Hello and takes in the other's, which is returned.
    pub async fn shake_hands(&mut self, ours: Hello) -> Hello {
        self.send(&Message::Hello(ours)).await;
        let theirs = self.next().await;
        match Message::decode(&theirs) {
            Ok(Message::Hello(theirs)) => theirs,
            other => panic!("{other:?} instead of Hello"),
        }
    }

    /// How it speaks.
    pub fn wire(&self) -> Wire {
        self.wire
    }

    // What it sends.

    /// Sends a message.
    pub async fn send(&mut self, message: &Message<'_>) {
        self.send_all(std::slice::from_ref(message)).await;
    }

    /// Sends messages, in one frame if frames can hold several.
    pub async fn send_all(&mut self, messages: &[Message<'_>]) {
        let encoded: Vec<_> = messages.iter().map(encoded).collect();
        self.send_bytes(&encoded).await;
    }

    /// Sends messages that were encoded by hand, in one frame if frames can hold several.
    pub async fn send_bytes<B: AsRef<[u8]>>(&mut self, messages: &[B]) {
        if self.wire == Wire::Packed {
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

    /// Sends a binary frame just as it is.
    pub async fn send_frame(&mut self, frame: impl Into<Bytes>) {
        self.try_send_frame(Frame::Binary(frame.into()))
            .await
            .expect("an open socket");
    }

    /// Sends a message, if the socket is still open.
    pub async fn try_send(&mut self, message: &Message<'_>) -> Result<(), Error> {
        let mut bytes = Vec::new();
        message.encode(&mut bytes);
        let mut frame = Vec::new();
        if self.wire == Wire::Packed {
            put_varint(&mut frame, bytes.len() as u64);
        }
        frame.extend(bytes);
        self.try_send_frame(Frame::binary(frame)).await
    }

    /// Sends a frame of any kind, if the socket is still open.
    pub async fn try_send_frame(&mut self, frame: Frame) -> Result<(), Error> {
        self.socket.send(frame).await
    }

    /// Sends a Request, with `payload` as the arguments' encoding.
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

    // What it receives.

    /// The next message.
    pub async fn next(&mut self) -> Bytes {
        loop {
            if let Some(message) = self.received.pop_front() {
                return message;
            }
            match self.socket.next().await {
                Some(Ok(Frame::Binary(frame))) => self.unpack(&frame),
                other => panic!("{other:?} instead of a message"),
            }
        }
    }

    /// Takes in the next message, which is to be `expected`.
    pub async fn expect(&mut self, expected: &Message<'_>) {
        let message = self.next().await;
        assert_eq!(Message::decode(&message).as_ref(), Ok(expected));
    }

    /// Takes in the next message, which is to be a Goodbye for that rule on that connection.
    pub async fn expect_goodbye(&mut self, connection: ConnectionId, rule: Rule) {
        let (on, reason) = self.goodbye().await;
        let begins = reason == rule.id() || reason.starts_with(&format!("{rule}: "));
        assert!(
            on == connection && begins,
            "{rule} on {connection} expected: {reason} on {on}"
        );
    }

    /// Takes in the next message, which is to be a Goodbye: its connection and reason.
    pub async fn goodbye(&mut self) -> (ConnectionId, String) {
        let message = self.next().await;
        match Message::decode(&message) {
            Ok(Message::Goodbye { connection, reason }) => (connection, reason.to_owned()),
            other => panic!("{other:?} instead of Goodbye"),
        }
    }

    /// Takes in the next message, which is to be the answer to a call: its metadata and payload.
    pub async fn response(&mut self, connection: ConnectionId, id: u64) -> (Metadata, Vec<u8>) {
        let message = self.next().await;
        Self::check_response(&message, connection, id)
    }

    /// The same, with the channels of the call being cut before.
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
            other => panic!("{other:?} instead of a Response to {id}"),
        }
    }

    /// The socket is to be closed in good order now.
    pub async fn expect_end(&mut self) {
        assert_eq!(self.received.pop_front(), None);
        match self.socket.next().await {
            Some(Ok(Frame::Close(_))) => {}
            other => panic!("{other:?} instead of a close frame"),
        }
        assert!(matches!(self.socket.next().await, None | Some(Err(_))));
    }

    /// Takes in what comes until a Goodbye for the link: its reason.
    pub async fn last_words(&mut self) -> String {
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
        if self.wire != Wire::Packed {
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
        .expect("a whole varint");
    let digits = bytes.split_to(end + 1);
    digits
        .iter()
        .rev()
        .fold(0, |value, digit| value << 7 | usize::from(digit & 0x7f))
}
