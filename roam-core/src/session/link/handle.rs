//! Handles to connections.

use std::fmt;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::{Arc, OnceLock, Weak};
use std::task::{Context, Poll};

use futures::future::select;

use super::advice::Leaving;
use super::deferred::Deferred;
use super::service::{Served, Service};
use super::shared::{LinkGuard, Shared};
use super::state::State;
use super::wait::{WaitKey, WaiterId};
use crate::proto::{
    Agreed, ChannelId, Close, CloseReason, ConnectionId, Framing, Link, LinkBudget, Stats,
};
use crate::rt::Clock;
use crate::session::error::ConnectError;
use crate::session::extensions::Extensions;
use crate::session::identity::Identity;

/// What is known of a connection without the link's lock.
pub(crate) struct ConnectionState {
    id: ConnectionId,
    ended: OnceLock<CloseReason>,
    /// Of a root connection: when to leave the link for another.
    leaving: OnceLock<Leaving>,
    /// Shared by all handles, as long as there is one.
    handle: OnceLock<Weak<HandleInner>>,
    extensions: Extensions,
}

impl ConnectionState {
    pub(super) fn new(id: ConnectionId) -> Arc<Self> {
        Arc::new(Self {
            id,
            ended: OnceLock::new(),
            leaving: OnceLock::new(),
            handle: OnceLock::new(),
            extensions: Extensions::default(),
        })
    }

    pub(crate) fn id(&self) -> ConnectionId {
        self.id
    }

    /// Sets when to leave the link. Later advice changes nothing: the time is spread already.
    pub(super) fn leave(&self, leaving: Leaving) {
        self.leaving.get_or_init(|| leaving);
    }

    /// Sets why the connection ended, under the lock under which the machine ends it.
    pub(super) fn end(&self, reason: CloseReason) {
        self.ended.get_or_init(|| reason);
    }
}

impl fmt::Debug for ConnectionState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("id", &self.id)
            .field("ended", &self.ended)
            .finish_non_exhaustive()
    }
}

/// A connection to a peer, to make calls on. Cheap to clone.
///
/// When the last handle, channel half and pending call of a link that we opened is dropped, the
/// link is closed.
#[derive(Clone, Debug)]
pub struct ConnectionHandle(Arc<HandleInner>);

/// One reference count for both parts, since handles are cloned for every call.
#[derive(Debug)]
struct HandleInner {
    link: Arc<LinkGuard>,
    state: Arc<ConnectionState>,
}

impl ConnectionHandle {
    /// Creates the root connection of a link that nothing drives yet.
    pub(crate) fn new(link: Link, service: Arc<dyn Service>, clock: Clock) -> Self {
        let state = ConnectionState::new(ConnectionId::ROOT);
        let connection = Arc::clone(&state);
        let root = Served {
            connection,
            service,
        };
        Self::of(Shared::open(link, root, clock), state)
    }

    /// Returns a handle to a connection of a link that is in use.
    pub(crate) fn of(link: Arc<LinkGuard>, state: Arc<ConnectionState>) -> Self {
        if let Some(inner) = state.handle.get().and_then(Weak::upgrade) {
            return Self(inner);
        }
        let inner = Arc::new(HandleInner { link, state });
        inner.state.handle.get_or_init(|| Arc::downgrade(&inner));
        Self(inner)
    }

    /// Returns whether the link survives its transport.
    pub(crate) fn is_numbered(&self) -> bool {
        self.shared().peek(|state| state.link.framing()) == Framing::Numbered
    }

    pub(crate) fn link(&self) -> &Arc<LinkGuard> {
        &self.0.link
    }

    #[inline]
    pub(crate) fn shared(&self) -> &Shared {
        &self.0.link.shared
    }

    /// Returns the connection's id; that of the root connection is 0.
    #[inline]
    pub fn id(&self) -> ConnectionId {
        self.0.state.id()
    }

    /// Waits until the handshake is complete. Returns what the peers agreed on.
    ///
    /// Cancel safe.
    pub async fn ready(&self) -> Result<Agreed, ConnectError> {
        let agreed = |state: &mut State, _: &mut Deferred, _: &Context<'_>| {
            if let Some(reason) = self.end_reason() {
                return Poll::Ready(Err(ConnectError::Closed(reason.clone())));
            }
            match state.link.agreed() {
                Some(agreed) => Poll::Ready(Ok(agreed)),
                None => Poll::Pending,
            }
        };
        self.shared().wait_for(WaitKey::Capacity, agreed).await
    }

    /// Waits until the connection has ended. Returns the reason.
    ///
    /// Cancel safe.
    pub async fn closed(&self) -> CloseReason {
        let ended = |_: &mut State, _: &mut Deferred, _: &Context<'_>| match self.end_reason() {
            Some(reason) => Poll::Ready(reason.clone()),
            None => Poll::Pending,
        };
        let key = WaitKey::End(self.id());
        self.shared().wait_for(key, ended).await
    }

    /// Returns whether frames flow on a transport. A link that has lost its transport waits for another, see
    /// [`Config::keep`](crate::Config::keep).
    pub fn is_attached(&self) -> bool {
        self.shared().peek(|state| state.link.is_attached())
    }

    /// Ready when the link has ended, or is no longer attached as it was. The waiter must
    /// [leave](Self::leave_end) when it is dropped. For root connections.
    pub(crate) fn poll_changed(
        &self,
        was_attached: bool,
        waiter: &mut Option<WaiterId>,
        cx: &Context<'_>,
    ) -> Poll<()> {
        let key = WaitKey::End(self.id());
        self.shared().poll_wait(key, waiter, cx, |state, _| {
            if self.end_reason().is_some() || state.link.is_attached() != was_attached {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        })
    }

    /// No longer waits for the end of the connection.
    pub(crate) fn leave_end(&self, waiter: WaiterId) {
        self.shared().leave(WaitKey::End(self.id()), waiter);
    }

    /// Returns why the connection ended, or `None` while it is alive.
    pub fn close_reason(&self) -> Option<CloseReason> {
        self.end_reason().cloned()
    }

    #[inline]
    pub(crate) fn end_reason(&self) -> Option<&CloseReason> {
        self.0.state.ended.get()
    }

    pub(super) fn leaving(&self) -> Option<&Leaving> {
        self.0.state.leaving.get()
    }

    /// Returns why the connection ended, once the machine has reported that it has.
    pub(crate) fn known_end_reason(&self) -> CloseReason {
        let reason = self.close_reason();
        reason.expect("the machine and the session end a connection under one lock")
    }

    /// Closes the connection; closing the root connection closes the link.
    ///
    /// Messages that were sent before still go out. The peer learns the first 1,024 bytes of the
    /// reason.
    pub fn close(&self, reason: &str) {
        self.shared().with(|state, _| {
            if self.end_reason().is_none() {
                state.link.close_connection(self.id(), reason);
            }
        });
    }

    /// Ends the link, with all its connections, and tells the peer a code and a reason. Codes from 4000 to 4399 and from
    /// 4500 to 4999 are the application's; [`Close`] has those of roam.
    ///
    /// Messages that were sent before still go out. The peer's link ends as
    /// [`CloseReason::ClosedByPeer`], even when it has no transport now and comes back later. A peer that only knows
    /// version 2 of the protocol learns the reason, and the code from the end of its WebSocket.
    ///
    /// ```
    /// use roam_core::proto::{Close, Framing};
    /// use roam_core::transport::memory_pair;
    /// use roam_core::{accept, connect};
    ///
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// let (ours, theirs) = memory_pair(Framing::Numbered);
    /// let (server, driver) = accept(theirs).drive();
    /// tokio::spawn(driver);
    /// let client = connect(ours).await?;
    /// server.close_with(Close::new(4001, "signed out elsewhere").unwrap());
    /// let told = client.closed().await.peer_close().unwrap();
    /// assert_eq!((told.code, &*told.reason), (4001, "signed out elsewhere"));
    /// # Ok::<(), roam_core::ConnectError>(())
    /// # }).unwrap();
    /// ```
    pub fn close_with(&self, close: Close) {
        self.shared().with(|state, _| state.link.close_with(close));
    }

    /// Returns the values that users attached to this connection: the root connection or a virtual
    /// one. Handles to the same connection share them.
    pub fn extensions(&self) -> &Extensions {
        &self.0.state.extensions
    }

    /// Returns the values that users attached to the link, which all its connections share.
    pub fn link_extensions(&self) -> &Extensions {
        &self.shared().extensions
    }

    /// Returns who the peer is, if somebody [said so](Self::set_identity).
    pub fn identity(&self) -> Option<Arc<Identity>> {
        self.link_extensions().get()
    }

    /// Says who the peer is. It holds for the whole link and replaces what was said before.
    pub fn set_identity(&self, identity: Identity) {
        self.link_extensions().insert(identity);
    }

    /// Waits until a channel of this connection is forgotten: it has ended, and its holder here
    /// has learnt it.
    pub(crate) async fn channel_forgotten(&self, channel: ChannelId) {
        let key = WaitKey::Channel(self.id(), channel);
        let forgotten = |state: &mut State, _: &mut Deferred, _: &Context<'_>| {
            if state.link.channel(self.id(), channel).is_forgotten() {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        };
        let forgotten = pin!(self.shared().wait_for(key, forgotten));
        select(forgotten, pin!(self.closed())).await;
    }

    /// Returns what the peer may make us hold on the link.
    pub fn budget(&self) -> LinkBudget {
        self.shared().peek(|state| state.link.budget())
    }

    /// Raises or lowers what the peer may make us hold on the link, at once.
    ///
    /// Nothing that is in use is taken away. While more is in use than `budget` allows, the peer's calls
    /// fail as busy, no channel is opened, and no window grows; those that have grown keep their size.
    /// There is always enough for one channel.
    pub fn set_budget(&self, budget: LinkBudget) {
        self.shared().with(|state, _| state.link.set_budget(budget));
    }

    /// Returns the address of the peer's socket, if the link has a transport that knows it.
    pub fn peer_addr(&self) -> Option<SocketAddr> {
        self.shared().peek(|state| state.peer_addr)
    }

    /// Returns a snapshot of the link's counters.
    pub fn stats(&self) -> Stats {
        self.shared().with(|state, _| state.link.stats())
    }

    /// Waits until a call or an answer of `len` bytes may be queued, or the connection has ended.
    pub(crate) async fn capacity(&self, len: usize) {
        let capacity =
            |state: &mut State, _: &mut Deferred, _: &Context<'_>| self.poll_capacity(state, len);
        self.shared().wait_for(WaitKey::Capacity, capacity).await;
    }

    /// Ready when a call or an answer of `len` bytes may be queued, or the connection has ended.
    #[inline]
    pub(crate) fn poll_capacity(&self, state: &mut State, len: usize) -> Poll<()> {
        match self.end_reason() {
            Some(_) => Poll::Ready(()),
            None => state.poll_capacity(len),
        }
    }
}
