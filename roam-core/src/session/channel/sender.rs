//! Sending halves, without types.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Waker, ready};

use super::core::{ChannelCore, Route};
use super::local::End;
use super::receiver::RawReceiver;
use super::remote::RemoteChannel;
use super::splice::splice;
use crate::proto::{Encoded, Link};
use crate::rt;
use crate::session::abort::is_aborting;
use crate::session::codec;
use crate::session::error::ChannelAbort;
use crate::session::link::deferred::Deferred;
use crate::session::link::wait::{WaitList, WaiterId};

/// The sending half of a channel.
#[derive(Debug)]
pub(super) struct RawSender {
    core: Arc<ChannelCore>,
    /// The half was sent to the peer or ended: dropping it does nothing.
    moved: AtomicBool,
}

/// An element on its way: encoded once, and kept while the channel is blocked.
#[derive(Debug, Default)]
pub(super) struct Outgoing {
    element: Option<Encoded>,
    pub(super) waiter: Option<WaiterId>,
}

impl Outgoing {
    pub(super) fn new(element: Encoded) -> Self {
        Self {
            element: Some(element),
            waiter: None,
        }
    }

    /// Replaces the element, which must have been sent.
    pub(super) fn set(&mut self, element: Encoded) {
        self.element = Some(element);
    }

    /// Sends the element, if there is one, as soon as the channel allows.
    #[inline]
    pub(super) fn poll_send(&mut self, sender: &RawSender, cx: &Context<'_>) -> Poll<End> {
        let Some(element) = &mut self.element else {
            return Poll::Ready(Ok(()));
        };
        match sender.poll_send(&mut self.waiter, cx, element) {
            Poll::Ready(sent) => {
                if let Some(element) = self.element.take() {
                    codec::recycle(element);
                }
                Poll::Ready(sent)
            }
            Poll::Pending => {
                // It may wait for long.
                element.shrink();
                Poll::Pending
            }
        }
    }

    /// Hands a copy of the element to the channel, to be sent without anybody waiting for it.
    pub(super) fn send_later(&self, sender: &RawSender) {
        if let Some(element) = &self.element {
            sender.send_later(element);
        }
    }
}

pub(super) fn wake(wakers: impl IntoIterator<Item = Waker>) {
    for waker in wakers {
        waker.wake();
    }
}

impl RawSender {
    pub(super) fn new(core: Arc<ChannelCore>) -> Self {
        Self {
            core,
            moved: AtomicBool::new(false),
        }
    }

    pub(super) fn remote(remote: RemoteChannel) -> Self {
        Self::new(ChannelCore::new_remote(remote))
    }

    /// Takes the half, once.
    pub(super) fn take(&self) -> Option<Self> {
        let moved = self.moved.swap(true, Ordering::AcqRel);
        (!moved).then(|| Self::new(Arc::clone(&self.core)))
    }

    #[inline]
    pub(super) fn is_moved(&self) -> bool {
        self.moved.load(Ordering::Acquire)
    }

    #[inline]
    fn poll_send(
        &self,
        waiter: &mut Option<WaiterId>,
        cx: &Context<'_>,
        element: &mut Encoded,
    ) -> Poll<End> {
        let turn = ready!(rt::poll_proceed(cx));
        let sent = match self.core.route() {
            Route::Remote(remote) => remote.poll_send(waiter, cx, element.into()),
            Route::Local(mut local) => {
                let (sent, waker) = local.poll_send(waiter, cx, element);
                drop(local);
                if sent.is_ready() {
                    wake(waker);
                }
                sent
            }
        };
        if sent.is_ready() {
            turn.made_progress();
        }
        sent
    }

    /// Ready when nobody reads any more.
    pub(super) fn poll_closed(
        &self,
        waiter: &mut Option<WaiterId>,
        cx: &Context<'_>,
    ) -> Poll<ChannelAbort> {
        match self.core.route() {
            Route::Remote(remote) => remote.poll_closed(waiter, cx),
            Route::Local(mut local) => {
                let (closed, _replaced) = local.poll_closed(waiter, cx);
                drop(local);
                closed.map(|()| ChannelAbort::Reset)
            }
        }
    }

    /// Returns how the channel ended, if its sender has not closed it.
    pub(super) fn aborted(&self) -> Option<ChannelAbort> {
        match self.core.route() {
            Route::Remote(remote) => remote.aborted(),
            Route::Local(local) => local.receiver_dropped.then_some(ChannelAbort::Reset),
        }
    }

    fn send_later(&self, element: &[u8]) {
        match self.core.route() {
            // An ended channel has no reader to miss the element.
            Route::Remote(remote) => drop(remote.queue(element)),
            Route::Local(mut local) => {
                let waker = local.push(element);
                drop(local);
                wake(waker);
            }
        }
    }

    /// Returns how many bytes the peer's reader has certainly consumed; `None` while the channel
    /// is local or once it has ended.
    pub(super) fn consumed(&self) -> Option<u64> {
        self.core.remote()?.consumed()
    }

    /// Aborts the channel.
    pub(super) fn abort(mut self, abort: ChannelAbort) {
        self.end(Err(abort));
    }

    fn end(&mut self, end: End) {
        if std::mem::replace(self.moved.get_mut(), true) {
            return;
        }
        match self.core.route() {
            Route::Remote(remote) if end.is_ok() => remote.close(),
            Route::Remote(remote) => remote.reset(),
            Route::Local(mut local) => {
                let waker = local.finish(end);
                drop(local);
                wake(waker);
            }
        }
    }

    /// Sends this half to the peer. The other half, which stays, receives from `remote`.
    pub(super) fn connect(
        mut self,
        link: &mut Link,
        remote: RemoteChannel,
        deferred: &mut Deferred,
    ) {
        let connected = self.core.connect(remote, deferred, |local, remote| {
            if local.receiver_dropped {
                let (connection, channel) = remote.id();
                link.channel(connection, channel).reset();
            }
        });
        match connected {
            Ok(()) => *self.moved.get_mut() = true,
            // The receiver is with a peer as well: forward to it what comes from this one.
            Err(remote) => deferred.spawn(splice(RawReceiver::remote(remote), self)),
        }
    }
}

impl WaitList for &RawSender {
    fn leave(&self, waiter: WaiterId) {
        match self.core.route() {
            Route::Remote(remote) => remote.leave(waiter),
            Route::Local(mut local) => {
                let waker = local.senders.leave(waiter);
                drop(local);
                drop(waker);
            }
        }
    }
}

impl Drop for RawSender {
    fn drop(&mut self) {
        self.end(if is_aborting() {
            Err(ChannelAbort::Reset)
        } else {
            Ok(())
        });
    }
}
