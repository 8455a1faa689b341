//! A network of which the test decides what becomes of each attempt to connect.

use std::io;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures::channel::{mpsc, oneshot};
use futures::future::RemoteHandle;
use futures::{FutureExt, StreamExt};
use roam_core::proto::Framing;
use roam_core::transport::{MemoryTransport, Transport, TransportError, memory_pair};
use roam_core::{
    CloseReason, Config, ConnectError, ConnectionHandle, NoDispatcher, ReconnectingClient,
    RetryPolicy, ServiceDispatcher, accept, initiate,
};

use super::harness::start;

/// Where a client's attempts to connect come in.
pub(crate) struct Net {
    attempts: mpsc::UnboundedReceiver<Attempt>,
}

/// An attempt to connect, which waits for what becomes of it.
pub(crate) struct Attempt(oneshot::Sender<Result<ClientEnd, ConnectError>>);

/// The server's end of a link. Dropping it cuts the link.
pub(crate) struct ServerEnd {
    pub(crate) handle: ConnectionHandle,
    driver: RemoteHandle<CloseReason>,
}

/// A client on this network that does not wait between attempts.
pub(crate) fn client(attempts: u32) -> (ReconnectingClient, Net) {
    client_with(RetryPolicy {
        attempts,
        initial_backoff: std::time::Duration::ZERO,
        ..RetryPolicy::default()
    })
}

pub(crate) fn client_with(policy: RetryPolicy) -> (ReconnectingClient, Net) {
    let (dial, attempts) = mpsc::unbounded();
    let connect = move || {
        let (attempt, connected) = oneshot::channel();
        dial.unbounded_send(Attempt(attempt))
            .expect("the test looks at the network");
        async {
            let transport = connected.await.expect("the test decides")?;
            let config = client_config();
            initiate(transport, NoDispatcher, &config).await
        }
    };
    (ReconnectingClient::new(connect, policy), Net { attempts })
}

/// As soon as one call waits in the queue there is no room for another.
fn client_config() -> Config {
    let mut config = Config::client();
    config.limits.send_buffer = 2;
    config
}

impl Net {
    /// Waits for the next attempt to connect.
    pub(crate) async fn attempt(&mut self) -> Attempt {
        self.attempts.next().await.expect("the client is there")
    }

    /// Nobody has tried to connect.
    pub(crate) fn expect_nothing(&mut self) {
        let attempt = self.attempts.next().now_or_never();
        assert!(attempt.flatten().is_none(), "an attempt to connect");
    }
}

impl Attempt {
    /// The attempt fails.
    pub(crate) fn refuse(self) {
        let refused = io::Error::from(io::ErrorKind::ConnectionRefused);
        self.settle(Err(ConnectError::Transport(Box::new(refused))));
    }

    /// The attempt leads to a server.
    pub(crate) fn accept(self, dispatcher: impl ServiceDispatcher) -> ServerEnd {
        self.accept_frames(dispatcher, usize::MAX)
    }

    /// The attempt leads to a server to which nothing gets through but what the handshake takes.
    pub(crate) fn accept_stalled(self, dispatcher: impl ServiceDispatcher) -> ServerEnd {
        self.accept_frames(dispatcher, 1)
    }

    fn accept_frames(self, dispatcher: impl ServiceDispatcher, frames: usize) -> ServerEnd {
        let (ours, theirs) = memory_pair(Framing::Packed);
        let (handle, driver) = accept(theirs, dispatcher, &Config::default());
        let driver = start(driver);
        self.settle(Ok(ClientEnd {
            transport: ours,
            frames,
        }));
        ServerEnd { handle, driver }
    }

    fn settle(self, result: Result<ClientEnd, ConnectError>) {
        // Nobody may wait any more.
        let _ = self.0.send(result);
    }

    /// Whether nobody waits for it any more.
    pub(crate) fn is_given_up(&self) -> bool {
        self.0.is_canceled()
    }
}

impl ServerEnd {
    /// The server is gone without a word.
    pub(crate) fn kill(self) {
        drop(self.driver);
    }
}

/// The client's end of a transport that takes so many frames and then no more.
pub(crate) struct ClientEnd {
    transport: MemoryTransport,
    frames: usize,
}

impl Transport for ClientEnd {
    fn framing(&self) -> Framing {
        self.transport.framing()
    }

    fn poll_receive(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Option<Bytes>, TransportError>> {
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

    fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), TransportError>> {
        self.transport.poll_close(cx)
    }
}
