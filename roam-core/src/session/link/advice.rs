//! Advice of the acceptor to go elsewhere.

use std::task::{Context, Poll};
use std::time::Duration;

use super::deferred::Deferred;
use super::handle::ConnectionHandle;
use super::shared::Shared;
use super::state::State;
use super::wait::WaitKey;
use crate::proto::{ConnectionId, Drain};
use crate::rt::{self, Clock};
use crate::session::random;

/// When to follow the advice to open another link.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Leaving {
    since: Clock,
    after: Duration,
}

impl Leaving {
    fn rest(&self) -> Duration {
        self.after.saturating_sub(self.since.now())
    }
}

impl State {
    #[cold]
    pub(super) fn on_drain(&mut self, advice: Drain, deferred: &mut Deferred) {
        let after = advice.after(random::share());
        if !advice.another_link {
            self.another_transport = Some(after);
        } else if let Some(root) = self.connections.get(&ConnectionId::ROOT) {
            let since = Clock::start();
            root.connection.leave(Leaving { since, after });
        }
        self.notify(WaitKey::End(ConnectionId::ROOT), deferred);
    }
}

impl Shared {
    /// Waits until the acceptor advises to open another transport. Returns how long to wait before.
    pub(in crate::session) async fn another_transport(&self) -> Duration {
        let advised = |state: &mut State, _: &mut Deferred, _: &Context<'_>| {
            state
                .another_transport
                .take()
                .map_or(Poll::Pending, Poll::Ready)
        };
        let key = WaitKey::End(ConnectionId::ROOT);
        self.wait_for(key, advised).await
    }
}

/// Advice.
impl ConnectionHandle {
    /// Advises the peer, who opened the link, to go elsewhere: the link goes on with another transport, or the peer opens
    /// another link. Nothing is lost, nothing ends by it, and a peer may not follow it. Only the last advice counts.
    /// Returns `false` where nobody can be advised: the peer did not open the link, or only knows version 2 of the
    /// protocol.
    pub fn drain(&self, advice: Drain) -> bool {
        self.shared().with(|state, _| state.link.drain(advice))
    }

    /// Returns whether the acceptor has advised to open another link, since its process goes, and the time for that has
    /// come. A [`ReconnectingClient`](crate::client::ReconnectingClient) does so by itself.
    pub fn is_draining(&self) -> bool {
        self.leaving()
            .is_some_and(|leaving| leaving.rest().is_zero())
    }

    /// Waits until the link [is draining](Self::is_draining), or has ended. For root connections.
    ///
    /// Cancel safe.
    pub async fn draining(&self) {
        let advised = |_: &mut State, _: &mut Deferred, _: &Context<'_>| match (
            self.leaving(),
            self.end_reason(),
        ) {
            (Some(leaving), _) => Poll::Ready(leaving.rest()),
            (None, Some(_)) => Poll::Ready(Duration::ZERO),
            (None, None) => Poll::Pending,
        };
        let key = WaitKey::End(self.id());
        let rest = self.shared().wait_for(key, advised).await;
        rt::sleep(rest).await;
    }
}
