//! A peer that a test drives message by message.

use std::future::poll_fn;
use std::time::Duration;

use bytes::Bytes;
use roam_core::proto::{Event, Framing, Link, Role};
use roam_core::transport::{MemoryTransport, Transport, memory_pair};
use roam_core::{Config, ConnectionHandle, Driver, ServiceDispatcher, accept, connect, rt};

/// A peer's protocol machine without a session, so that it acts only on command.
pub(crate) struct RawPeer {
    pub(crate) link: Link,
    transport: MemoryTransport,
}

impl RawPeer {
    /// Accepts a link from a client session.
    pub(crate) fn server(dispatcher: impl ServiceDispatcher) -> (Self, ConnectionHandle) {
        let (peer, client, driver) = Self::server_with_driver(dispatcher);
        rt::spawn(async { drop(driver.await) });
        (peer, client)
    }

    /// Accepts a link from a client session whose driver the test polls.
    pub(crate) fn server_with_driver(
        dispatcher: impl ServiceDispatcher,
    ) -> (Self, ConnectionHandle, Driver<MemoryTransport>) {
        let (ours, theirs) = memory_pair(Framing::Packed);
        let (client, driver) = connect(ours).dispatcher(dispatcher).drive();
        let peer = Self::new(Role::Acceptor, theirs, &Config::default());
        (peer, client, driver)
    }

    /// Opens a link to a server session.
    pub(crate) fn client(dispatcher: impl ServiceDispatcher) -> (Self, ConnectionHandle) {
        Self::client_with(dispatcher, &Config::default())
    }

    pub(crate) fn client_with(
        dispatcher: impl ServiceDispatcher,
        config: &Config,
    ) -> (Self, ConnectionHandle) {
        let (ours, theirs) = memory_pair(Framing::Packed);
        let (server, driver) = accept(ours).dispatcher(dispatcher).drive();
        rt::spawn(async { drop(driver.await) });
        (Self::new(Role::Initiator, theirs, config), server)
    }

    fn new(role: Role, transport: MemoryTransport, config: &Config) -> Self {
        let link = Link::new(role, Framing::Packed, config, Duration::ZERO);
        Self { link, transport }
    }

    /// Sends what is queued; messages that were queued together share a frame.
    pub(crate) async fn flush(&mut self) {
        while let Some(frame) = self.link.poll_transmit() {
            poll_fn(|cx| self.transport.poll_ready(cx))
                .await
                .expect("the transport is open");
            self.transport
                .start_send(frame)
                .expect("the transport is open");
        }
        poll_fn(|cx| self.transport.poll_flush(cx))
            .await
            .expect("the transport is open");
    }

    /// Sends a frame without the machine.
    pub(crate) async fn send(&mut self, frame: &[u8]) {
        self.transport
            .start_send(Bytes::copy_from_slice(frame))
            .expect("the transport is open");
        self.flush().await;
    }

    /// Waits for the next event that the other peer causes.
    pub(crate) async fn event(&mut self) -> Event {
        loop {
            self.flush().await;
            if let Some(event) = self.link.poll_event() {
                return event;
            }
            let frame = poll_fn(|cx| self.transport.poll_receive(cx))
                .await
                .expect("the transport is open");
            self.link.handle_frame(&frame);
        }
    }

    /// Waits for an event that `pick` accepts and skips all others.
    pub(crate) async fn until<T>(&mut self, mut pick: impl FnMut(Event) -> Option<T>) -> T {
        loop {
            if let Some(picked) = pick(self.event().await) {
                return picked;
            }
        }
    }

    /// Completes the handshake.
    pub(crate) async fn shake_hands(&mut self) {
        self.until(|event| matches!(event, Event::Ready(_)).then_some(()))
            .await;
    }

    /// Drops the transport without a Goodbye.
    pub(crate) fn vanish(self) {
        drop(self);
    }
}
