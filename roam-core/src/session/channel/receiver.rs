//! Receiving halves, without types.

use std::sync::Arc;
use std::task::{Context, Poll, ready};

use super::core::{ChannelCore, Route};
use super::local::End;
use super::remote::RemoteChannel;
use super::sender::{RawSender, wake};
use super::splice::splice;
use crate::proto::{ElementQueue, Link};
use crate::rt;
use crate::session::error::ChannelAbort;
use crate::session::link::deferred::Deferred;

/// The receiving half of a channel.
#[derive(Debug)]
pub(super) struct RawReceiver {
    core: Arc<ChannelCore>,
    /// Elements that were taken and not yet read.
    batch: ElementQueue,
    /// Whether the batch came over the link, and so must be reported when it is consumed.
    is_remote: bool,
    unreported: u32,
    /// After how many consumed bytes the peer is due more credit.
    report_after: u32,
    end: Option<End>,
}

impl RawReceiver {
    pub(super) fn new(core: Arc<ChannelCore>) -> Self {
        Self {
            core,
            batch: ElementQueue::new(),
            is_remote: false,
            unreported: 0,
            report_after: u32::MAX,
            end: None,
        }
    }

    pub(super) fn remote(remote: RemoteChannel) -> Self {
        Self::new(ChannelCore::new_remote(remote))
    }

    /// Passes the next element to `read`. `Ok(None)` is the clean end.
    #[inline]
    pub(super) fn poll_next<R>(
        &mut self,
        cx: &mut Context<'_>,
        read: impl FnOnce(&[u8]) -> R,
    ) -> Poll<Result<Option<R>, ChannelAbort>> {
        let turn = ready!(rt::poll_proceed(cx));
        if self.batch.is_empty() {
            if let Some(end) = &self.end {
                return Poll::Ready(end.clone().map(|()| None));
            }
            if let Err(end) = ready!(self.poll_fill(cx)) {
                self.end = Some(end.clone());
                return Poll::Ready(end.map(|()| None));
            }
        }
        turn.made_progress();
        let taken = self.batch.pop(|element| (read(element), element.len()));
        Poll::Ready(Ok(taken.map(|(value, len)| {
            self.consume(len);
            value
        })))
    }

    /// Takes everything that has arrived.
    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), End>> {
        let remote = match self.core.route() {
            Route::Remote(remote) => remote,
            Route::Local(mut local) => {
                let (polled, _replaced) = local.poll_read(cx);
                drop(local);
                let (queue, senders) = ready!(polled)?;
                self.batch = queue;
                wake(senders.into_wakers());
                return Poll::Ready(Ok(()));
            }
        };
        if !self.is_remote {
            // Elements that were sent before the sender went to the peer come first.
            let earlier = self.core.take_earlier();
            if !earlier.is_empty() {
                self.batch = earlier;
                return Poll::Ready(Ok(()));
            }
            self.is_remote = true;
        }
        let consumed = std::mem::take(&mut self.unreported);
        match ready!(remote.poll_read(cx, consumed)) {
            Ok(batch) => {
                self.batch = batch.elements;
                self.report_after = batch.report_after;
                Poll::Ready(Ok(()))
            }
            Err(end) => Poll::Ready(Err(end.map_or(Ok(()), Err))),
        }
    }

    #[inline]
    fn consume(&mut self, len: usize) {
        if !self.is_remote {
            return;
        }
        // No element is longer than a window, which is a `u32`.
        let len = u32::try_from(len).unwrap_or(u32::MAX);
        self.unreported = self.unreported.saturating_add(len);
        if self.unreported >= self.report_after
            && let Some(remote) = self.core.remote()
        {
            self.report_after = remote.consume(std::mem::take(&mut self.unreported));
        }
    }

    /// Ready when the channel is aborted, which may be long before a reader learns of it.
    pub(super) fn poll_failed(&mut self, cx: &Context<'_>) -> Poll<ChannelAbort> {
        if let Some(end) = &self.end {
            return match end {
                Err(abort) => Poll::Ready(abort.clone()),
                Ok(()) => Poll::Pending,
            };
        }
        match self.core.route() {
            Route::Remote(remote) => remote.poll_failed(cx),
            Route::Local(mut local) => {
                let (failed, _replaced) = local.poll_failed(cx);
                drop(local);
                failed
            }
        }
    }

    /// Resets the channel because an element does not decode.
    pub(super) fn fail(&mut self) {
        self.stop();
        self.batch = ElementQueue::new();
        self.end = Some(Err(ChannelAbort::Reset));
    }

    /// Resets the channel, unless it has ended.
    fn stop(&mut self) {
        if self.end.is_some() {
            return;
        }
        match self.core.route() {
            Route::Remote(remote) => remote.reset(),
            Route::Local(mut local) => {
                let (senders, _own) = local.drop_receiver();
                drop(local);
                wake(senders.into_wakers());
            }
        }
    }

    /// Sends this half to the peer. The other half, which stays, sends on `remote`, first of all
    /// what it has sent before.
    pub(super) fn connect(
        mut self,
        link: &mut Link,
        remote: RemoteChannel,
        deferred: &mut Deferred,
    ) {
        let Self { core, batch, .. } = &mut self;
        let connected = core.connect(remote, deferred, |local, remote| {
            let (connection, channel) = remote.id();
            let mut fits = true;
            for queue in [batch, &mut local.queue] {
                let mut send = |element: &[u8]| link.sender(connection, channel).queue(element);
                while let Some(queued) = queue.pop(&mut send) {
                    fits &= queued.is_ok();
                }
            }
            match &local.end {
                Some(Ok(())) if fits => link.sender(connection, channel).close(),
                None if fits => {}
                _ => link.channel(connection, channel).reset(),
            }
        });
        match connected {
            // Dropping this half does nothing any more.
            Ok(()) => self.end = Some(Ok(())),
            // The sender is with a peer as well: forward to this one what comes from it.
            Err(remote) => deferred.spawn(splice(self, RawSender::remote(remote))),
        }
    }
}

impl Drop for RawReceiver {
    fn drop(&mut self) {
        self.stop();
    }
}
