//! The browser's WebSocket as a transport.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker, ready};

use bytes::Bytes;
use roam_core::proto::{Close, Framing, PeerClose};
use roam_core::rt::{self, Sleep};
use roam_core::transport::{Transport, TransportError, framing_of};
use roam_core::{Config, ConnectError, Violation};
use web_sys::WebSocket;

use crate::connect::Thrown;
use crate::listener::{Listener, SocketEvent};
use crate::socket::{self, MAX_BUFFERED, RECHECK};

/// A browser's WebSocket as the transport of a link.
///
/// Dropping it closes the socket.
pub struct WebSocketTransport {
    socket: WebSocket,
    framing: Framing,
    arrivals: Rc<RefCell<Arrivals>>,
    recheck: Option<Sleep>,
    _listener: Listener,
}

#[derive(Default)]
struct Arrivals {
    /// Rarely more than one: the driver runs between two events and takes all frames.
    frames: VecDeque<Result<Bytes, Violation>>,
    /// Whether to drop further frames, as the transport is closing.
    closing: bool,
    closed: Option<PeerClose>,
    waker: Option<Waker>,
}

impl Arrivals {
    fn add(&mut self, event: SocketEvent) {
        match event {
            SocketEvent::Open => {}
            SocketEvent::Frame(_) if self.closing => {}
            SocketEvent::Frame(frame) => self.frames.push_back(frame),
            SocketEvent::Closed(closed) => self.closed = Some(closed),
        }
    }

    fn poll_closed(&mut self, cx: &mut Context<'_>) -> Poll<PeerClose> {
        if let Some(closed) = &self.closed {
            return Poll::Ready(closed.clone());
        }
        self.waker = Some(cx.waker().clone());
        Poll::Pending
    }
}

impl WebSocketTransport {
    /// Takes over a socket that is connecting or open, and waits until it is open, for at most the
    /// handshake timeout.
    ///
    /// The socket must not have received anything yet.
    pub async fn adopt(socket: WebSocket, config: &Config) -> Result<Self, ConnectError> {
        let arrivals = Rc::new(RefCell::new(Arrivals::default()));
        let arrived = Rc::clone(&arrivals);
        let listener = Listener::new(&socket, config.max_frame(), move |event| {
            let mut arrivals = arrived.borrow_mut();
            arrivals.add(event);
            let waker = arrivals.waker.take();
            drop(arrivals);
            if let Some(waker) = waker {
                waker.wake();
            }
        });
        let opened = poll_fn(|cx| {
            let closed = arrivals.borrow_mut().poll_closed(cx);
            match (closed, socket.ready_state()) {
                (Poll::Ready(closed), _) => Poll::Ready(Err(closed)),
                (_, WebSocket::OPEN) => Poll::Ready(Ok(())),
                (_, WebSocket::CLOSED) => Poll::Ready(Err(PeerClose::ABNORMAL)),
                _ => Poll::Pending,
            }
        });
        rt::timeout(config.handshake_timeout, opened)
            .await
            .ok_or(ConnectError::Timeout)?
            .map_err(|closed| ConnectError::Transport(Box::new(closed)))?;
        Ok(Self {
            framing: framing_of(Some(&socket.protocol())),
            socket,
            arrivals,
            recheck: None,
            _listener: listener,
        })
    }

    fn is_full(&self) -> bool {
        self.socket.buffered_amount() > MAX_BUFFERED
    }
}

impl Transport for WebSocketTransport {
    fn framing(&self) -> Framing {
        self.framing
    }

    fn poll_receive(&mut self, cx: &mut Context<'_>) -> Poll<Result<Bytes, TransportError>> {
        let mut arrivals = self.arrivals.borrow_mut();
        match arrivals.frames.pop_front() {
            Some(frame) => Poll::Ready(frame.map_err(Into::into)),
            None => arrivals.poll_closed(cx).map(|closed| Err(closed.into())),
        }
    }

    /// Succeeds for a closed socket too: frames received before come first.
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), TransportError>> {
        while self.is_full() {
            let recheck = self.recheck.get_or_insert_with(|| rt::sleep(RECHECK));
            ready!(Pin::new(recheck).poll(cx));
            self.recheck = None;
        }
        self.recheck = None;
        Poll::Ready(Ok(()))
    }

    fn start_send(&mut self, frame: Bytes) -> Result<(), TransportError> {
        let sent = self.socket.send_with_u8_array(&frame);
        sent.map_err(|error| TransportError::lost(Thrown::from(error)))
    }

    fn poll_flush(&mut self, _: &mut Context<'_>) -> Poll<Result<(), TransportError>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(
        &mut self,
        close: &Close,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), TransportError>> {
        socket::close(&self.socket, close);
        let mut arrivals = self.arrivals.borrow_mut();
        arrivals.closing = true;
        arrivals.frames.clear();
        arrivals.poll_closed(cx).map(|_| Ok(()))
    }
}

impl fmt::Debug for WebSocketTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebSocketTransport")
            .field("framing", &self.framing)
            .finish_non_exhaustive()
    }
}
