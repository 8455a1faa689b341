//! What the two ends of a channel share: a queue while both are here, and the link when one of
//! them has been sent to the peer.
//!
//! Locks are taken in one order: that of a link's state, then that of a pair.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::{Context, Poll, Waker};

use crate::proto::ElementQueue;

use super::error::Cut;
use super::todo::Todo;
use super::waiters::{Ticket, Waiters, set_waker};
use super::wire::Wire;

/// What the two ends share while both are here, and through which the one that stays finds the
/// link when the other has been sent to the peer.
#[derive(Debug, Default)]
pub(super) struct Pair {
    wire: OnceLock<Wire>,
    local: Mutex<Local>,
}

#[derive(Debug, Default)]
pub(super) struct Local {
    queue: ElementQueue,
    /// The sender is gone: cleanly, or not.
    finished: Option<End>,
    receiver_gone: bool,
    /// Who waits for room, or for the receiver to go.
    senders: Waiters,
    receiver: Option<Waker>,
}

/// How a channel ended: cleanly, or not.
pub(super) type End = Result<(), Cut>;

/// What waits in a channel whose ends are both here before its sender has to, in bytes.
const LOCAL_WINDOW: usize = 256 * 1024;

impl Pair {
    pub(super) fn on_wire(wire: Wire) -> Arc<Self> {
        Arc::new(Self {
            wire: OnceLock::from(wire),
            local: Mutex::default(),
        })
    }

    /// The link, when one of the two ends has been sent.
    pub(super) fn wire(&self) -> Option<&Wire> {
        self.wire.get()
    }

    fn local(&self) -> MutexGuard<'_, Local> {
        self.local.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs `act` on what is local, unless the pair is on a link.
    pub(super) fn unless_on_wire<R>(&self, act: impl FnOnce(&mut Local) -> R) -> Result<R, &Wire> {
        if let Some(wire) = self.wire.get() {
            return Err(wire);
        }
        let mut local = self.local();
        // It may have been put on a link in between.
        match self.wire.get() {
            Some(wire) => Err(wire),
            None => Ok(act(&mut local)),
        }
    }

    /// What was sent before the sender went to the peer, and has not been read.
    pub(super) fn sent_before(&self) -> ElementQueue {
        std::mem::take(&mut self.local().queue)
    }

    /// Joins the pair to a link, once `act` has seen to what is local. `Err` when it is joined to
    /// one already, as both of its ends have been sent.
    pub(super) fn put_on_wire(
        &self,
        wire: Wire,
        todo: &mut Todo,
        act: impl FnOnce(&mut Local, &Wire),
    ) -> Result<(), Wire> {
        let mut local = self.local();
        if self.wire.get().is_some() {
            return Err(wire);
        }
        act(&mut local, &wire);
        todo.wake(std::mem::take(&mut local.senders).into_wakers());
        todo.wake(local.receiver.take());
        self.wire.set(wire)
    }
}

impl Local {
    /// When the element was sent, the waker is to be called, and else to be dropped.
    pub(super) fn poll_send(
        &mut self,
        ticket: &mut Option<Ticket>,
        cx: &Context<'_>,
        element: &[u8],
    ) -> (Poll<Result<(), Cut>>, Option<Waker>) {
        let (len, max) = (element.len(), LOCAL_WINDOW / 2);
        if self.receiver_gone {
            return (Poll::Ready(Err(Cut::Reset)), None);
        }
        if len > max {
            return (Poll::Ready(Err(Cut::TooLarge { len, max })), None);
        }
        if self.queue.bytes() + len > LOCAL_WINDOW {
            return (Poll::Pending, self.wait_as_sender(ticket, cx));
        }
        (Poll::Ready(Ok(())), self.send(element))
    }

    /// Sends an element, whatever waits already. The waker is to be called.
    pub(super) fn send(&mut self, element: &[u8]) -> Option<Waker> {
        self.queue.push(element);
        self.receiver.take()
    }

    /// Ready when nobody reads any more. The waker is to be dropped.
    pub(super) fn poll_closed(
        &mut self,
        ticket: &mut Option<Ticket>,
        cx: &Context<'_>,
    ) -> (Poll<()>, Option<Waker>) {
        if self.receiver_gone {
            return (Poll::Ready(()), None);
        }
        (Poll::Pending, self.wait_as_sender(ticket, cx))
    }

    fn wait_as_sender(&mut self, ticket: &mut Option<Ticket>, cx: &Context<'_>) -> Option<Waker> {
        let ticket = *ticket.get_or_insert_with(Ticket::draw);
        self.senders.wait(ticket, cx.waker())
    }

    /// One that waited to send does not any more. The waker is to be dropped.
    pub(super) fn leave(&mut self, ticket: Ticket) -> Option<Waker> {
        self.senders.leave(ticket)
    }

    /// The sender is gone. The waker is to be called.
    pub(super) fn finish(&mut self, end: End) -> Option<Waker> {
        self.finished.get_or_insert(end);
        self.receiver.take()
    }

    /// How the sender went, if it did.
    pub(super) fn finished(&self) -> Option<&End> {
        self.finished.as_ref()
    }

    /// Elements come with those who wait for the room that they leave. The waker is to be dropped.
    #[expect(clippy::type_complexity, reason = "a name would not say more")]
    pub(super) fn poll_receive(
        &mut self,
        cx: &Context<'_>,
    ) -> (Poll<Result<(ElementQueue, Waiters), End>>, Option<Waker>) {
        if !self.queue.is_empty() {
            return (Poll::Ready(Ok(self.take())), None);
        }
        match &self.finished {
            Some(end) => (Poll::Ready(Err(end.clone())), None),
            None => (Poll::Pending, set_waker(&mut self.receiver, cx.waker())),
        }
    }

    /// Ready when the sender went other than cleanly. The waker is to be dropped.
    pub(super) fn poll_cut(&mut self, cx: &Context<'_>) -> (Poll<Cut>, Option<Waker>) {
        match &self.finished {
            Some(Err(cut)) => (Poll::Ready(cut.clone()), None),
            _ => (Poll::Pending, set_waker(&mut self.receiver, cx.waker())),
        }
    }

    /// The receiver is gone: those who wait for that, and its waker, to be dropped.
    pub(super) fn abandon(&mut self) -> (Waiters, Option<Waker>) {
        self.receiver_gone = true;
        let (_unread, senders) = self.take();
        (senders, self.receiver.take())
    }

    pub(super) fn is_abandoned(&self) -> bool {
        self.receiver_gone
    }

    fn take(&mut self) -> (ElementQueue, Waiters) {
        (
            std::mem::take(&mut self.queue),
            std::mem::take(&mut self.senders),
        )
    }

    pub(super) fn queue(&mut self) -> &mut ElementQueue {
        &mut self.queue
    }
}
