//! Running relays between two links.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use super::channel::RemoteChannel;
use crate::proto::{Relay, Side};
use crate::rt;

/// Joins the channels of two links in pairs, each until it has ended.
pub(super) fn relay(downstream: Vec<RemoteChannel>, upstream: Vec<RemoteChannel>) {
    for (downstream, upstream) in downstream.into_iter().zip(upstream) {
        rt::spawn(RelayTask::new(downstream, upstream));
    }
}

/// Runs a relay. Dropping it resets both channels.
#[derive(Debug)]
struct RelayTask {
    relay: Relay,
    downstream: RemoteChannel,
    upstream: RemoteChannel,
}

impl RelayTask {
    fn new(downstream: RemoteChannel, upstream: RemoteChannel) -> Self {
        Self {
            relay: Relay::new(downstream.id(), upstream.id()),
            downstream,
            upstream,
        }
    }

    fn step(&mut self, side: Side, waker: &Waker) -> bool {
        let channel = match side {
            Side::Downstream => &self.downstream,
            Side::Upstream => &self.upstream,
        };
        !self.relay.is_side_finished(side) && channel.step_relay(&mut self.relay, side, waker)
    }
}

impl Future for RelayTask {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut side = Side::Downstream;
        let mut unchanged = 0;
        // Until each side was stepped since the other last had news for it.
        while unchanged < 2 {
            let news = self.step(side, cx.waker());
            unchanged = if news { 1 } else { unchanged + 1 };
            side = side.other();
        }
        if self.relay.is_finished() {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    }
}

impl Drop for RelayTask {
    fn drop(&mut self) {
        self.relay.abort();
        for side in [Side::Downstream, Side::Upstream] {
            self.step(side, Waker::noop());
        }
    }
}
