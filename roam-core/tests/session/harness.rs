//! Helpers shared by all session tests.

use std::fmt::Debug;
use std::future::{Future, poll_fn};
use std::mem;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use futures::channel::mpsc;
use futures::future::RemoteHandle;
use futures::{FutureExt, StreamExt};
use roam_core::proto::Framing;
use roam_core::rt::MaybeSend;
use roam_core::transport::memory_pair;
use roam_core::{
    Config, ConnectionHandle, Metadata, MethodId, ServiceDispatcher, accept, connect, rt,
};

/// Opens a link in memory and runs both drivers in the background. Returns the initiator's handle
/// and the acceptor's.
pub(crate) fn link(
    client: impl ServiceDispatcher,
    server: impl ServiceDispatcher,
) -> (ConnectionHandle, ConnectionHandle) {
    link_with(client, &Config::client(), server, &Config::default())
}

pub(crate) fn link_with(
    client: impl ServiceDispatcher,
    client_config: &Config,
    server: impl ServiceDispatcher,
    server_config: &Config,
) -> (ConnectionHandle, ConnectionHandle) {
    let (ours, theirs) = memory_pair(Framing::Numbered);
    let (client, driver) = connect(ours)
        .dispatcher(client)
        .config(client_config.clone())
        .drive();
    rt::spawn(async { drop(driver.await) });
    let (server, driver) = accept(theirs)
        .dispatcher(server)
        .config(server_config.clone())
        .drive();
    rt::spawn(async { drop(driver.await) });
    (client, server)
}

/// The reporting side of an event log, held by handlers and the like.
#[derive(Clone, Debug)]
pub(crate) struct Events<E>(mpsc::UnboundedSender<E>);

/// The test's side of an event log, in order.
#[derive(Debug)]
pub(crate) struct Seen<E>(mpsc::UnboundedReceiver<E>);

pub(crate) fn events<E>() -> (Events<E>, Seen<E>) {
    let (events, seen) = mpsc::unbounded();
    (Events(events), Seen(seen))
}

impl<E> Events<E> {
    pub(crate) fn tell(&self, event: E) {
        // The test may have ended and dropped the receiver.
        let _ = self.0.unbounded_send(event);
    }

    /// Returns a guard that reports `event` when it is dropped.
    #[must_use]
    pub(crate) fn on_drop(&self, event: E) -> OnDrop<E> {
        OnDrop {
            events: Self(self.0.clone()),
            event: Some(event),
        }
    }
}

impl<E: Debug + PartialEq> Seen<E> {
    pub(crate) async fn next(&mut self) -> E {
        self.0.next().await.expect("a reporter still exists")
    }

    /// Waits for the next event and asserts that it is `event`.
    pub(crate) async fn expect(&mut self, event: E) {
        assert_eq!(self.next().await, event);
    }

    /// Returns the next event if it was already reported.
    pub(crate) fn try_next(&mut self) -> Option<E> {
        self.0.try_recv().ok()
    }

    /// Asserts that no further event was reported.
    pub(crate) fn expect_nothing(&mut self) {
        if let Some(event) = self.try_next() {
            panic!("unexpected event: {event:?}");
        }
    }
}

/// A guard that reports an event when it is dropped.
#[derive(Debug)]
pub(crate) struct OnDrop<E> {
    events: Events<E>,
    event: Option<E>,
}

impl<E> Drop for OnDrop<E> {
    fn drop(&mut self) {
        if let Some(event) = self.event.take() {
            self.events.tell(event);
        }
    }
}

/// Polls a future once, without being woken later.
pub(crate) fn poll_now<F: IntoFuture>(future: F) -> Poll<F::Output> {
    pin!(future.into_future()).poll(&mut Context::from_waker(Waker::noop()))
}

/// Runs a future in the background. Dropping the returned handle aborts it.
pub(crate) fn start<T: MaybeSend + 'static>(
    future: impl IntoFuture<Output = T, IntoFuture: MaybeSend + 'static>,
) -> RemoteHandle<T> {
    let (running, handle) = future.into_future().remote_handle();
    rt::spawn(running);
    handle
}

/// Yields once, so that other tasks run first.
pub(crate) async fn yield_now() {
    let mut yielded = false;
    poll_fn(|cx| {
        if mem::replace(&mut yielded, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// Waits until the peer has processed everything sent before and its replies have arrived.
pub(crate) async fn settle(handle: &ConnectionHandle) {
    // No service has this method. The response follows everything that was queued before.
    let call = handle.call_raw(MethodId(0), &Metadata::new(), &[], &[]);
    call.expect("the link is open")
        .0
        .await
        .expect("the link is open");
}

/// Waits until no call is in flight, no channel is open and nothing is queued.
pub(crate) async fn until_idle(handle: &ConnectionHandle) {
    for _ in 0..1_000_000 {
        let stats = handle.stats();
        let calls = stats.outgoing_calls + stats.incoming_calls;
        if calls + stats.channels + stats.queued_bytes + stats.ended_connections == 0 {
            return;
        }
        yield_now().await;
    }
    panic!("not idle: {:?}", handle.stats());
}
