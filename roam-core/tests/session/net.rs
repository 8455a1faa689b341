//! A network on which the test decides the outcome of each connection attempt.

use std::io;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures::channel::{mpsc, oneshot};
use futures::future::RemoteHandle;
use futures::{FutureExt, StreamExt};
use roam_core::proto::{Close, Framing};
use roam_core::transport::{MemoryTransport, Transport, TransportError, memory_pair};
use roam_core::{
    CloseReason, Config, ConnectError, ConnectionHandle, ServiceDispatcher, accept,
    client::{ReconnectingClient, RetryPolicy},
    connect,
};

use super::harness::start;

/// Receives a client's connection attempts.
pub(crate) struct Net {
    attempts: mpsc::UnboundedReceiver<Attempt>,
}

/// A connection attempt that waits for its outcome.
pub(crate) struct Attempt(oneshot::Sender<Result<ClientEnd, ConnectError>>);

/// The server's side of a link. The link is lost when it is dropped.
pub(crate) struct ServerEnd {
    pub(crate) handle: ConnectionHandle,
    driver: RemoteHandle<CloseReason>,
}

/// Returns a client that does not wait between attempts, and its network.
pub(crate) fn client(attempts: u32) -> (ReconnectingClient, Net) {
    client_with(
        RetryPolicy::default()
            .with_attempts(attempts)
            .with_initial_backoff(std::time::Duration::ZERO),
    )
}

pub(crate) fn client_with(policy: RetryPolicy) -> (ReconnectingClient, Net) {
    let (dial, attempts) = mpsc::unbounded();
    let connect = move || {
        let (attempt, connected) = oneshot::channel();
        dial.unbounded_send(Attempt(attempt))
            .expect("the test still holds the network");
        async {
            let transport = connected.await.expect("the test decides every attempt")?;
            let config = client_config();
            connect(transport).config(config.clone()).await
        }
    };
    (ReconnectingClient::new(connect, policy), Net { attempts })
}

/// The send buffer is full as soon as one call is queued.
fn client_config() -> Config {
    let mut config = Config::client();
    config.limits.send_buffer = 2;
    config
}

impl Net {
    /// Waits for the next connection attempt.
    pub(crate) async fn attempt(&mut self) -> Attempt {
        self.attempts.next().await.expect("the client still exists")
    }

    /// Asserts that no connection attempt was made.
    pub(crate) fn expect_nothing(&mut self) {
        let attempt = self.attempts.next().now_or_never();
        assert!(attempt.flatten().is_none(), "unexpected connection attempt");
    }
}

impl Attempt {
    /// Fails the attempt.
    pub(crate) fn refuse(self) {
        let refused = io::Error::from(io::ErrorKind::ConnectionRefused);
        self.settle(Err(ConnectError::Transport(Box::new(refused))));
    }

    /// Connects the attempt to a server.
    pub(crate) fn accept(self, dispatcher: impl ServiceDispatcher) -> ServerEnd {
        self.accept_frames(dispatcher, usize::MAX)
    }

    /// Connects the attempt to a server that only the handshake reaches.
    pub(crate) fn accept_stalled(self, dispatcher: impl ServiceDispatcher) -> ServerEnd {
        self.accept_frames(dispatcher, 1)
    }

    fn accept_frames(self, dispatcher: impl ServiceDispatcher, frames: usize) -> ServerEnd {
        let (ours, theirs) = memory_pair(Framing::Packed);
        let (handle, driver) = accept(theirs).dispatcher(dispatcher).drive();
        let driver = start(driver);
        self.settle(Ok(ClientEnd {
            transport: ours,
            frames,
        }));
        ServerEnd { handle, driver }
    }

    fn settle(self, result: Result<ClientEnd, ConnectError>) {
        // The client may have given up.
        let _ = self.0.send(result);
    }

    /// Returns whether the client has given up this attempt.
    pub(crate) fn is_given_up(&self) -> bool {
        self.0.is_canceled()
    }
}

impl ServerEnd {
    /// Drops the server without a Goodbye.
    pub(crate) fn kill(self) {
        drop(self.driver);
    }
}

/// The client's side of a transport that accepts `frames` more frames and then stalls.
pub(crate) struct ClientEnd {
    transport: MemoryTransport,
    frames: usize,
}

impl Transport for ClientEnd {
    fn framing(&self) -> Framing {
        self.transport.framing()
    }

    fn poll_receive(&mut self, cx: &mut Context<'_>) -> Poll<Result<Bytes, TransportError>> {
        self.transport.poll_receive(cx)
    }

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), TransportError>> {
        if self.frames == 0 {
            return Poll::Pending;
        }
        self.transport.poll_ready(cx)
    }

    fn start_send(&mut self, frame: Bytes) -> Result<(), TransportError> {
        self.frames -= 1;
        self.transport.start_send(frame)
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), TransportError>> {
        self.transport.poll_flush(cx)
    }

    fn poll_close(
        &mut self,
        close: &Close,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), TransportError>> {
        self.transport.poll_close(close, cx)
    }
}
