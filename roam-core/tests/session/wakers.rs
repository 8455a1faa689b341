//! Wakers are user code, so they never run under a lock.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as TaskContext, Wake, Waker};

use roam_core::{ConnectionHandle, Context, NoDispatcher, Rx, Tx, channel, service};

use super::harness::{link, poll_now};

runs! {
    wakers_are_dropped_outside_the_lock
}

#[service]
trait Slow {
    async fn stay(&self);
    async fn both(&self, input: Rx<u32>, output: Tx<u32>);
}

struct Handler;

impl Slow for Handler {
    async fn stay(&self, _: &Context) {
        std::future::pending::<()>().await;
    }

    async fn both(&self, _: &Context, mut input: Rx<u32>, output: Tx<u32>) {
        while let Ok(Some(number)) = input.recv().await {
            if output.send(number).await.is_err() {
                return;
            }
        }
    }
}

/// Takes the link's lock when it is woken and when it is dropped.
struct Locks(ConnectionHandle);

impl Wake for Locks {
    fn wake(self: Arc<Self>) {
        self.0.stats();
    }
}

impl Drop for Locks {
    fn drop(&mut self) {
        self.0.stats();
    }
}

async fn wakers_are_dropped_outside_the_lock() {
    let (client, server) = link(NoDispatcher, SlowDispatcher::new(Handler));
    client.ready().await.unwrap();
    let waker = || Waker::from(Arc::new(Locks(client.clone())));
    let slow = SlowClient::new(client.clone());
    let ((tx, input), (output, mut rx)) = (channel::<u32>(), channel::<u32>());
    let (local_tx, mut local_rx) = channel::<u32>();
    let mut both = slow.both(input, output).into_future();
    assert!(poll_now(&mut both).is_pending());
    let mut stay = slow.stay().into_future();
    let mut incoming = client.listen();
    {
        let mut closed = Box::pin(client.closed());
        let mut closed_tx = Box::pin(tx.closed());
        let mut closed_local_tx = Box::pin(local_tx.closed());
        let mut next = Box::pin(incoming.next());
        // Each poll replaces the previous waker.
        for _ in 0..3 {
            let poll = |future: &mut dyn Pollable| future.poll_with(&waker());
            poll(&mut stay);
            poll(&mut both);
            poll(&mut closed);
            poll(&mut closed_tx);
            poll(&mut closed_local_tx);
            poll(&mut next);
            let waker = waker();
            assert!(
                rx.poll_recv(&mut TaskContext::from_waker(&waker))
                    .is_pending()
            );
            assert!(
                local_rx
                    .poll_recv(&mut TaskContext::from_waker(&waker))
                    .is_pending()
            );
        }
    }
    drop((local_rx, local_tx, stay, incoming));
    tx.send(1).await.unwrap();
    assert_eq!(rx.recv().await.unwrap(), Some(1));
    server.close("");
    both.await.unwrap_err();
    drop((tx, rx));
    client.closed().await;
}

trait Pollable {
    /// Polls a future that has to wait.
    fn poll_with(&mut self, waker: &Waker);
}

impl<F: Future + Unpin> Pollable for F {
    fn poll_with(&mut self, waker: &Waker) {
        let polled = Pin::new(self).poll(&mut TaskContext::from_waker(waker));
        assert!(polled.is_pending());
    }
}
