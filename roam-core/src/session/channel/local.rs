//! A channel whose halves are both here.

use std::task::{Context, Poll, Waker};

use crate::proto::ElementQueue;
use crate::session::error::ChannelAbort;
use crate::session::link::wait::{WaiterId, Waiters, set_waker};

/// The state of a channel whose halves are both here.
///
/// Methods return wakers instead of using them, since they are called under a lock.
#[derive(Debug, Default)]
pub(super) struct LocalQueue {
    pub(super) queue: ElementQueue,
    /// How the sender ended the channel.
    pub(super) end: Option<End>,
    pub(super) receiver_dropped: bool,
    /// Tasks that wait for space, or for the receiver to be dropped.
    pub(super) senders: Waiters,
    pub(super) receiver: Option<Waker>,
}

/// How a channel ended: closed, or aborted.
pub(super) type End = Result<(), ChannelAbort>;

/// Bytes of unread elements in a local channel before its sender has to wait.
const LOCAL_WINDOW: usize = 256 * 1024;

impl LocalQueue {
    /// Sends an element. When it is sent, wake the returned waker, otherwise drop it.
    pub(super) fn poll_send(
        &mut self,
        waiter: &mut Option<WaiterId>,
        cx: &Context<'_>,
        element: &[u8],
    ) -> (Poll<End>, Option<Waker>) {
        let (len, max) = (element.len(), LOCAL_WINDOW / 2);
        if self.receiver_dropped {
            return (Poll::Ready(Err(ChannelAbort::Reset)), None);
        }
        if len > max {
            return (Poll::Ready(Err(ChannelAbort::TooLarge { len, max })), None);
        }
        if self.queue.bytes() + len > LOCAL_WINDOW {
            return (Poll::Pending, self.wait_as_sender(waiter, cx));
        }
        (Poll::Ready(Ok(())), self.push(element))
    }

    /// Adds an element, whatever the window. Wake the returned waker.
    pub(super) fn push(&mut self, element: &[u8]) -> Option<Waker> {
        self.queue.push(element);
        self.receiver.take()
    }

    /// Ready when the receiver was dropped. Drop the returned waker.
    pub(super) fn poll_closed(
        &mut self,
        waiter: &mut Option<WaiterId>,
        cx: &Context<'_>,
    ) -> (Poll<()>, Option<Waker>) {
        if self.receiver_dropped {
            return (Poll::Ready(()), None);
        }
        (Poll::Pending, self.wait_as_sender(waiter, cx))
    }

    fn wait_as_sender(&mut self, waiter: &mut Option<WaiterId>, cx: &Context<'_>) -> Option<Waker> {
        let waiter = *waiter.get_or_insert_with(WaiterId::next);
        self.senders.wait(waiter, cx.waker())
    }

    /// Ends the channel, as its sender. Wake the returned waker.
    pub(super) fn finish(&mut self, end: End) -> Option<Waker> {
        self.end.get_or_insert(end);
        self.receiver.take()
    }

    /// Takes all elements and the tasks that wait for their space. Drop the returned waker.
    #[expect(clippy::type_complexity, reason = "a name would not say more")]
    pub(super) fn poll_read(
        &mut self,
        cx: &Context<'_>,
    ) -> (Poll<Result<(ElementQueue, Waiters), End>>, Option<Waker>) {
        if !self.queue.is_empty() {
            return (Poll::Ready(Ok(self.take())), None);
        }
        match &self.end {
            Some(end) => (Poll::Ready(Err(end.clone())), None),
            None => (Poll::Pending, set_waker(&mut self.receiver, cx.waker())),
        }
    }

    /// Ready when the sender aborted the channel. Drop the returned waker.
    pub(super) fn poll_failed(&mut self, cx: &Context<'_>) -> (Poll<ChannelAbort>, Option<Waker>) {
        match &self.end {
            Some(Err(abort)) => (Poll::Ready(abort.clone()), None),
            _ => (Poll::Pending, set_waker(&mut self.receiver, cx.waker())),
        }
    }

    /// Ends the channel, as its receiver. Wake the senders and drop the waker.
    pub(super) fn drop_receiver(&mut self) -> (Waiters, Option<Waker>) {
        self.receiver_dropped = true;
        let (_unread, senders) = self.take();
        (senders, self.receiver.take())
    }

    fn take(&mut self) -> (ElementQueue, Waiters) {
        let queue = std::mem::take(&mut self.queue);
        (queue, std::mem::take(&mut self.senders))
    }
}
