//! A peer that does what a test says, message by message.

use std::future::poll_fn;
use std::time::Duration;

use bytes::Bytes;
use roam_core::proto::{Event, Framing, Link, Role};
use roam_core::transport::{MemoryTransport, Transport, memory_pair};
use roam_core::{Config, ConnectionHandle, Driver, ServiceDispatcher, accept, connect, rt};

/// The machine of a peer, without a session: nothing happens by itself.
pub(crate) struct RawPeer {
    pub(crate) link: Link,
    transport: MemoryTransport,
}

impl RawPeer {
    /// A link to a client of ours.
    pub(crate) fn server(dispatcher: impl ServiceDispatcher) -> (Self, ConnectionHandle) {
        let (peer, client, driver) = Self::server_of_a_driver(dispatcher);
        rt::spawn(async { drop(driver.await) });
        (peer, client)
    }

    /// A link to a client of ours whose driver the test polls.
    pub(crate) fn server_of_a_driver(
        dispatcher: impl ServiceDispatcher,
    ) -> (Self, ConnectionHandle, Driver<MemoryTransport>) {
        let (ours, theirs) = memory_pair(Framing::Packed);
        let (client, driver) = connect(ours, dispatcher, &Config::client());
        let peer = Self::new(Role::Acceptor, theirs, &Config::default());
        (peer, client, driver)
    }

    /// A link to a server of ours.
    pub(crate) fn client(dispatcher: impl ServiceDispatcher) -> (Self, ConnectionHandle) {
        Self::client_with(dispatcher, &Config::default())
    }

    pub(crate) fn client_with(
        dispatcher: impl ServiceDispatcher,
        config: &Config,
    ) -> (Self, ConnectionHandle) {
        let (ours, theirs) = memory_pair(Framing::Packed);
        let (server, driver) = accept(ours, dispatcher, &Config::default());
        rt::spawn(async { drop(driver.await) });
        (Self::new(Role::Initiator, theirs, config), server)
    }

    fn new(role: Role, transport: MemoryTransport, config: &Config) -> Self {
        let link = Link::new(role, Framing::Packed, config, Duration::ZERO);
        Self { link, transport }
    }

    /// Sends what is queued; what was queued together shares a frame.
    pub(crate) async fn flush(&mut self) {
        while let Some(frame) = self.link.poll_transmit() {
            poll_fn(|cx| self.transport.poll_ready(cx))
                .await
                .expect("open");
            self.transport.start_send(frame).expect("open");
        }
        poll_fn(|cx| self.transport.poll_flush(cx))
            .await
            .expect("open");
    }

    /// Sends a frame of which the machine does not know.
    pub(crate) async fn send(&mut self, frame: &[u8]) {
        self.transport
            .start_send(Bytes::copy_from_slice(frame))
            .expect("open");
        self.flush().await;
    }

    /// The next thing that the other peer causes.
    pub(crate) async fn event(&mut self) -> Event {
        loop {
            self.flush().await;
            if let Some(event) = self.link.poll_event() {
                return event;
            }
            let frame = poll_fn(|cx| self.transport.poll_receive(cx))
                .await
                .expect("open");
            self.link.handle_frame(&frame.expect("open"));
        }
    }

    /// Waits for an event of a kind; others are passed over.
    pub(crate) async fn until<T>(&mut self, mut pick: impl FnMut(Event) -> Option<T>) -> T {
        loop {
            if let Some(picked) = pick(self.event().await) {
                return picked;
            }
        }
    }

    /// Does the handshake.
    pub(crate) async fn shake_hands(&mut self) {
        self.until(|event| matches!(event, Event::Ready(_)).then_some(()))
            .await;
    }

    /// The transport closes without a word.
    pub(crate) fn vanish(self) {
        drop(self);
    }
}
