//! What runs a relay between two links.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use crate::proto::{Relay, Side};
use crate::rt;

use super::wire::Wire;

/// Joins channels of two links, pair by pair, each until it has come to its end.
pub(super) fn relay(downstream: Vec<Wire>, upstream: Vec<Wire>) {
    for (downstream, upstream) in downstream.into_iter().zip(upstream) {
        rt::spawn(Relaying::new(downstream, upstream));
    }
}

/// Runs a relay. Dropping it cuts the two channels.
#[derive(Debug)]
struct Relaying {
    relay: Relay,
    downstream: Wire,
    upstream: Wire,
}

impl Relaying {
    fn new(downstream: Wire, upstream: Wire) -> Self {
        Self {
            relay: Relay::new(downstream.id(), upstream.id()),
            downstream,
            upstream,
        }
    }

    fn step(&mut self, side: Side, waker: &Waker) -> bool {
        let wire = match side {
            Side::Downstream => &self.downstream,
            Side::Upstream => &self.upstream,
        };
        !self.relay.is_released(side) && wire.relay(&mut self.relay, side, waker)
    }
}

impl Future for Relaying {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut side = Side::Downstream;
        let mut unchanged = 0;
        // Until each side has been asked since there was news for it.
        while unchanged < 2 {
            let news = self.step(side, cx.waker());
            unchanged = if news { 1 } else { unchanged + 1 };
            side = side.other();
        }
        if self.relay.is_over() {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    }
}

impl Drop for Relaying {
    fn drop(&mut self) {
        self.relay.cut();
        for side in [Side::Downstream, Side::Upstream] {
            self.step(side, Waker::noop());
        }
    }
}
