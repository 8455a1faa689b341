//! The two ends of a channel without their type: together in memory, or one of them on a link.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Waker, ready};

use crate::proto::{ElementQueue, Link, Payload};

use super::error::Cut;
use super::pair::{End, Local, Pair};
use super::todo::Todo;
use super::unfinished::is_cutting;
use super::waiters::Ticket;
use super::wire::Wire;

/// A sending end.
#[derive(Debug)]
pub(crate) struct RawSender {
    pair: Arc<Pair>,
    /// It was taken out, or sent to the peer: dropping it ends nothing.
    moved: AtomicBool,
}

/// A receiving end.
#[derive(Debug)]
pub(crate) struct RawReceiver {
    pair: Arc<Pair>,
    batch: ElementQueue,
    /// Whether the batch came over the link, and so is to be reported when consumed.
    from_wire: bool,
    unreported: u32,
    report_after: u32,
    end: Option<End>,
}

pub(super) fn raw_channel() -> (RawSender, RawReceiver) {
    let pair = Arc::new(Pair::default());
    (RawSender::new(Arc::clone(&pair)), RawReceiver::new(pair))
}

fn wake(waiting: impl IntoIterator<Item = Waker>) {
    for waker in waiting {
        waker.wake();
    }
}

impl RawSender {
    fn new(pair: Arc<Pair>) -> Self {
        Self {
            pair,
            moved: AtomicBool::new(false),
        }
    }

    pub(super) fn on_wire(wire: Wire) -> Self {
        Self::new(Pair::on_wire(wire))
    }

    /// Takes the end out, once; what is left is not an end any more.
    pub(super) fn take(&self) -> Option<Self> {
        let moved = self.moved.swap(true, Ordering::AcqRel);
        (!moved).then(|| Self::new(Arc::clone(&self.pair)))
    }

    pub(super) fn is_moved(&self) -> bool {
        self.moved.load(Ordering::Acquire)
    }

    pub(super) fn poll_send(
        &self,
        ticket: &mut Option<Ticket>,
        cx: &Context<'_>,
        element: Payload<'_>,
    ) -> Poll<Result<(), Cut>> {
        let sent = self
            .pair
            .unless_on_wire(|local| local.poll_send(ticket, cx, &element));
        match sent {
            Ok((sent, waker)) => {
                if sent.is_ready() {
                    wake(waker);
                }
                sent
            }
            Err(wire) => wire.poll_send_as(ticket, cx, element),
        }
    }

    /// Waits until nobody reads any more, and tells why.
    pub(super) fn poll_closed(&self, ticket: &mut Option<Ticket>, cx: &Context<'_>) -> Poll<Cut> {
        let closed = self
            .pair
            .unless_on_wire(|local| local.poll_closed(ticket, cx));
        match closed {
            Ok((closed, _replaced)) => closed.map(|()| Cut::Reset),
            Err(wire) => wire.poll_closed(ticket, cx),
        }
    }

    /// One that waited does not any more.
    pub(super) fn leave(&self, ticket: Ticket) {
        match self.pair.unless_on_wire(|local| local.leave(ticket)) {
            Ok(waker) => drop(waker),
            Err(wire) => wire.leave(ticket),
        }
    }

    /// Sends an element when there is room, also when nobody is left to wait for that.
    pub(super) fn send_later(&self, element: &[u8]) {
        match self.pair.unless_on_wire(|local| local.send(element)) {
            Ok(waiting) => wake(waiting),
            // A channel that is over has no reader to miss it.
            Err(wire) => drop(wire.queue([element])),
        }
    }

    pub(super) fn consumed_by_peer(&self) -> Option<u64> {
        self.pair.wire()?.consumed_by_peer()
    }

    /// Ends the channel other than cleanly.
    pub(super) fn cut(mut self, cut: Cut) {
        self.end(Err(cut));
    }

    fn end(&mut self, end: End) {
        if std::mem::replace(self.moved.get_mut(), true) {
            return;
        }
        let clean = end.is_ok();
        match self.pair.unless_on_wire(|local| local.finish(end)) {
            Ok(waiting) => wake(waiting),
            Err(wire) if clean => wire.finish(),
            Err(wire) => wire.reset(),
        }
    }

    /// This end goes to the peer, and the other, which stays, receives from `wire`.
    pub(super) fn put_on_wire(mut self, link: &mut Link, wire: Wire, todo: &mut Todo) {
        let put = self.pair.put_on_wire(wire, todo, |local, wire| {
            if local.is_abandoned() {
                let (connection, channel) = wire.id();
                link.reset(connection, channel);
            }
        });
        match put {
            Ok(()) => *self.moved.get_mut() = true,
            // The other end is with a peer as well: what comes from the one goes on to the other.
            Err(wire) => todo.pump(RawReceiver::on_wire(wire), self),
        }
    }
}

impl Drop for RawSender {
    fn drop(&mut self) {
        self.end(if is_cutting() {
            Err(Cut::Reset)
        } else {
            Ok(())
        });
    }
}

impl RawReceiver {
    fn new(pair: Arc<Pair>) -> Self {
        Self {
            pair,
            batch: ElementQueue::new(),
            from_wire: false,
            unreported: 0,
            report_after: u32::MAX,
            end: None,
        }
    }

    pub(super) fn on_wire(wire: Wire) -> Self {
        Self::new(Pair::on_wire(wire))
    }

    /// Hands the next element to `read`; `Ok(None)` is the clean end.
    #[inline]
    pub(super) fn poll_next<R>(
        &mut self,
        cx: &mut Context<'_>,
        read: impl FnOnce(&[u8]) -> R,
    ) -> Poll<Result<Option<R>, Cut>> {
        if self.batch.is_empty() {
            if let Some(end) = &self.end {
                return Poll::Ready(end.clone().map(|()| None));
            }
            if let Err(end) = ready!(self.poll_fill(cx)) {
                self.end = Some(end.clone());
                return Poll::Ready(end.map(|()| None));
            }
        }
        let taken = self.batch.pop(|element| (read(element), element.len()));
        Poll::Ready(Ok(taken.map(|(value, len)| {
            self.consume(len);
            value
        })))
    }

    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), End>> {
        let wire = match self.pair.unless_on_wire(|local| local.poll_receive(cx)) {
            Ok((polled, _replaced)) => {
                let (queue, waiting) = ready!(polled)?;
                self.batch = queue;
                wake(waiting.into_wakers());
                return Poll::Ready(Ok(()));
            }
            Err(wire) => wire,
        };
        if !self.from_wire {
            // What was sent before the other end went to the peer comes first.
            let before = self.pair.sent_before();
            if !before.is_empty() {
                self.batch = before;
                return Poll::Ready(Ok(()));
            }
            self.from_wire = true;
        }
        let consumed = std::mem::take(&mut self.unreported);
        match ready!(wire.poll_receive(cx, consumed)) {
            Ok(batch) => {
                self.batch = batch.elements;
                self.report_after = batch.report_after;
                Poll::Ready(Ok(()))
            }
            Err(cut) => Poll::Ready(Err(cut.map_or(Ok(()), Err))),
        }
    }

    #[inline]
    fn consume(&mut self, len: usize) {
        if !self.from_wire {
            return;
        }
        // Elements are no longer than a window, which is a `u32`.
        self.unreported = self
            .unreported
            .saturating_add(u32::try_from(len).unwrap_or(u32::MAX));
        if self.unreported >= self.report_after
            && let Some(wire) = self.pair.wire()
        {
            self.report_after = wire.consume(std::mem::take(&mut self.unreported));
        }
    }

    /// Waits until the channel is cut, which may be long before a reader comes to that.
    pub(super) fn poll_cut(&mut self, cx: &Context<'_>) -> Poll<Cut> {
        if let Some(end) = &self.end {
            return match end {
                Err(cut) => Poll::Ready(cut.clone()),
                Ok(()) => Poll::Pending,
            };
        }
        match self.pair.unless_on_wire(|local| local.poll_cut(cx)) {
            Ok((cut, _replaced)) => cut,
            Err(wire) => wire.poll_cut(cx),
        }
    }

    /// An element does not decode: the channel is cut.
    pub(super) fn fail(&mut self) {
        self.abandon();
        self.batch = ElementQueue::new();
        self.end = Some(Err(Cut::Reset));
    }

    /// Nobody reads any more.
    fn abandon(&mut self) {
        if self.end.is_some() {
            return;
        }
        match self.pair.unless_on_wire(Local::abandon) {
            Ok((waiting, _own)) => wake(waiting.into_wakers()),
            Err(wire) => wire.reset(),
        }
    }

    /// This end goes to the peer, and the other, which stays, sends on `wire`. What it has sent
    /// before goes first.
    pub(super) fn put_on_wire(mut self, link: &mut Link, wire: Wire, todo: &mut Todo) {
        let Self { pair, batch, .. } = &mut self;
        let put = pair.put_on_wire(wire, todo, |local, wire| {
            let (connection, channel) = wire.id();
            let mut fits = true;
            for queue in [batch, local.queue()] {
                while let Some(queued) =
                    queue.pop(|element| link.queue(connection, channel, element))
                {
                    fits &= queued.is_ok();
                }
            }
            match local.finished() {
                Some(Ok(())) if fits => link.finish(connection, channel),
                None if fits => {}
                _ => link.reset(connection, channel),
            }
        });
        match put {
            // Dropping it ends nothing any more.
            Ok(()) => self.end = Some(Ok(())),
            // The other end is with a peer as well: what comes from there goes on to this one.
            Err(wire) => todo.pump(self, RawSender::on_wire(wire)),
        }
    }
}

impl Drop for RawReceiver {
    fn drop(&mut self) {
        self.abandon();
    }
}
