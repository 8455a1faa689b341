//! The states of a client's link, as a stream.

use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll};

use futures::Stream;

use crate::session::link::wait::WaiterId;

use super::link::Link;
use super::series::Connector;
use super::state::{LinkState, State};

/// The states of a client's link. See [`ReconnectingClient::states`](super::ReconnectingClient::states).
///
/// It holds no queue: whoever reads slowly misses states in between, and always gets the latest.
#[must_use = "a stream does nothing unless it is polled"]
pub struct LinkStates {
    /// Weak, so that watching a link does not keep it open.
    connector: Weak<Connector>,
    seen: Option<LinkState>,
    waiter: Option<WaiterId>,
    watched: Option<WatchedLink>,
}

/// A link that the stream watches: nothing else reports the end of one that nobody uses.
struct WatchedLink {
    link: Weak<Link>,
    waiter: Option<WaiterId>,
}

impl LinkStates {
    pub(super) fn new(connector: &Arc<Connector>) -> Self {
        Self {
            connector: Arc::downgrade(connector),
            seen: None,
            waiter: None,
            watched: None,
        }
    }

    /// Returns the next state. A lost link wakes the task too.
    fn poll_state(&mut self, connector: &Connector, cx: &Context<'_>) -> Poll<LinkState> {
        loop {
            let (seen, mut link) = (&self.seen, None);
            let changed = |state: &State| {
                link = state.live_link();
                let state = state.state();
                (seen.as_ref() != Some(&state)).then_some(state)
            };
            let state = connector.watch().poll_wait(&mut self.waiter, cx, changed);
            if state.is_ready() {
                return state;
            }
            // A link that was just lost, or has lost or got a transport, has changed the state.
            let is_attached = self.seen != Some(LinkState::Reconnecting);
            match link {
                Some(link) if self.poll_link(&link, is_attached, cx).is_ready() => {}
                _ => return Poll::Pending,
            }
        }
    }

    /// Ready when the link has ended, or is no longer attached as it was.
    fn poll_link(&mut self, link: &Arc<Link>, is_attached: bool, cx: &Context<'_>) -> Poll<()> {
        let is_link =
            |watched: &WatchedLink| std::ptr::eq(watched.link.as_ptr(), &raw const **link);
        if !self.watched.as_ref().is_some_and(is_link) {
            self.watched = Some(WatchedLink {
                link: Arc::downgrade(link),
                waiter: None,
            });
        }
        match &mut self.watched {
            Some(watched) => {
                let waiter = &mut watched.waiter;
                link.handle().poll_changed(is_attached, waiter, cx)
            }
            None => Poll::Pending,
        }
    }
}

impl Stream for LinkStates {
    type Item = LinkState;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<LinkState>> {
        let this = self.get_mut();
        if matches!(this.seen, Some(LinkState::Closed { .. })) {
            return Poll::Ready(None);
        }
        let Some(connector) = this.connector.upgrade() else {
            return Poll::Ready(None);
        };
        this.poll_state(&connector, cx).map(|state| {
            this.seen = Some(state.clone());
            Some(state)
        })
    }
}

impl Drop for LinkStates {
    fn drop(&mut self) {
        if let (Some(connector), Some(waiter)) = (self.connector.upgrade(), self.waiter) {
            connector.watch().leave(waiter);
        }
    }
}

impl Drop for WatchedLink {
    fn drop(&mut self) {
        if let (Some(link), Some(waiter)) = (self.link.upgrade(), self.waiter) {
            link.handle().leave_end(waiter);
        }
    }
}

impl fmt::Debug for LinkStates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LinkStates")
            .field("seen", &self.seen)
            .finish_non_exhaustive()
    }
}
