//! The heart of a link: the machine behind one lock, and who waits for what.
//!
//! Whoever wants something locks the machine, changes it, and wakes the driver if that sleeps.
//! The lock is never held while user code runs: wakers are called, handlers started and values
//! dropped after it is released.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use futures::future::AbortHandle;

use crate::proto::{
    ChannelId, CloseReason, ConnectionId, Event, Link, Metadata, Request, RequestId, Response, Role,
    Violation,
};
use crate::rt::Clock;

use super::connection::{Accepting, ConnectSlot, ConnectionState};
use super::dispatch;

/// The state of a link, shared by its driver, its handles and its channels.
pub(crate) struct Shared {
    state: Mutex<State>,
    clock: Clock,
    users: OnceLock<Weak<Users>>,
}

/// What the lock protects.
pub(crate) struct State {
    pub(crate) link: Link,
    pub(super) calls: HashMap<(ConnectionId, RequestId), CallSlot>,
    pub(super) handlers: HashMap<(ConnectionId, RequestId), AbortHandle>,
    pub(super) connections: HashMap<ConnectionId, Arc<ConnectionState>>,
    pub(super) connects: HashMap<RequestId, ConnectSlot>,
    pub(super) accepting: Accepting,
    driver: Option<Waker>,
    channel_waiters: HashMap<(ConnectionId, ChannelId), Vec<Waker>>,
    /// Who waits for the handshake, or for room to send.
    room_waiters: Vec<Waker>,
    /// Who waits for the end of a connection.
    end_waiters: Vec<Waker>,
}

/// A call of ours that waits for its answer.
#[derive(Default)]
pub(super) struct CallSlot {
    pub(super) waker: Option<Waker>,
    pub(super) response: Option<Response>,
}

/// What is to be done when the lock is released.
#[derive(Default)]
pub(crate) struct Todo {
    driver: Option<Waker>,
    wakers: Vec<Waker>,
    aborted: Vec<AbortHandle>,
    started: Vec<(Arc<ConnectionState>, Request)>,
    /// What users gave us, and whose `drop` is their code.
    dropped: Vec<Arc<dyn dispatch::ServiceDispatcher>>,
}

/// Held by all that a user holds of a link. When the last is dropped, a link that we opened is
/// closed; one that the peer opened goes on, for the peer.
pub(crate) struct Users {
    pub(crate) shared: Arc<Shared>,
    role: Role,
}

impl Shared {
    pub(super) fn new(link: Link, root: Arc<ConnectionState>, clock: Clock) -> Arc<Users> {
        let role = link.role();
        let state = State {
            link,
            calls: HashMap::new(),
            handlers: HashMap::new(),
            connections: HashMap::from([(ConnectionId::ROOT, root)]),
            connects: HashMap::new(),
            accepting: Accepting::default(),
            driver: None,
            channel_waiters: HashMap::new(),
            room_waiters: Vec::new(),
            end_waiters: Vec::new(),
        };
        let shared = Arc::new(Self { state: Mutex::new(state), clock, users: OnceLock::new() });
        let users = Arc::new(Users { shared: Arc::clone(&shared), role });
        shared.users.get_or_init(|| Arc::downgrade(&users));
        users
    }

    pub(super) fn users(&self) -> Option<Arc<Users>> {
        self.users.get()?.upgrade()
    }

    /// Changes the state, and does afterwards what follows from it.
    pub(crate) fn with<R>(&self, change: impl FnOnce(&mut State, &mut Todo) -> R) -> R {
        let mut todo = Todo::default();
        let result = {
            let mut state = self.lock();
            let result = change(&mut state, &mut todo);
            state.settle(&mut todo);
            result
        };
        todo.run(self);
        result
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // No user code runs under the lock, so a panic there is a bug of ours; the machine's
        // invariants are checked where they are relied on, and the other links must go on.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes in a frame.
    pub(crate) fn receive(&self, frame: &Bytes) {
        self.with(|state, _| state.link.handle_frame(frame));
    }

    /// The transport broke a rule.
    pub(crate) fn violated(&self, violation: Violation) {
        self.with(|state, _| state.link.handle_violation(violation));
    }

    /// The transport is gone.
    pub(crate) fn lost(&self, error: Arc<dyn std::error::Error + Send + Sync>) {
        self.with(|state, _| state.link.handle_lost(error));
    }

    /// The next frame to send; `None` when the link is over and all has been sent.
    pub(crate) fn poll_transmit(&self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        self.with(|state, _| {
            if let Some(frame) = state.link.poll_transmit() {
                return Poll::Ready(Some(frame));
            }
            if state.link.close_reason().is_some() {
                return Poll::Ready(None);
            }
            state.driver = Some(cx.waker().clone());
            Poll::Pending
        })
    }

    /// How long until [`handle_timeout`](Self::handle_timeout) is to be called.
    pub(super) fn timeout(&self) -> Option<std::time::Duration> {
        let at = self.lock().link.poll_timeout()?;
        Some(at.saturating_sub(self.clock.now()))
    }

    pub(super) fn handle_timeout(&self) {
        let now = self.clock.now();
        self.with(|state, _| state.link.handle_timeout(now));
    }

    pub(crate) fn close_reason(&self) -> Option<CloseReason> {
        self.lock().link.close_reason().cloned()
    }
}

impl State {
    /// Turns what the machine reports into what is to be done.
    fn settle(&mut self, todo: &mut Todo) {
        while let Some(event) = self.link.poll_event() {
            self.handle(event, todo);
        }
        if self.driver.is_some() && (!self.link.is_drained() || self.link.close_reason().is_some()) {
            todo.driver = self.driver.take();
        }
    }

    fn handle(&mut self, event: Event, todo: &mut Todo) {
        match event {
            Event::Ready(_) | Event::SendBufferReady => todo.wakers.append(&mut self.room_waiters),
            Event::ChannelReady { connection, channel } => {
                todo.wakers.extend(self.channel_waiters.remove(&(connection, channel)).into_iter().flatten());
            }
            Event::Request(request) => {
                if let Some(connection) = self.connections.get(&request.connection) {
                    todo.started.push((Arc::clone(connection), request));
                }
            }
            Event::Cancelled { connection, request } => {
                todo.aborted.extend(self.handlers.remove(&(connection, request)));
            }
            Event::Response(response) => self.answer(response, todo),
            Event::ConnectRequest { request, metadata } => self.connect_requested(request, metadata, todo),
            Event::ConnectAnswer { request, result, metadata } => {
                self.connect_answered(request, result, metadata, todo);
            }
            Event::ConnectionEnded { connection, reason } => self.ended(connection, &reason, todo),
        }
    }

    fn answer(&mut self, response: Response, todo: &mut Todo) {
        let key = (response.connection, response.request);
        if let Some(slot) = self.calls.get_mut(&key) {
            slot.response = Some(response);
            todo.wakers.extend(slot.waker.take());
        }
    }

    /// Everything on `connection` ends: its calls, its handlers and its channels.
    fn ended(&mut self, connection: ConnectionId, reason: &CloseReason, todo: &mut Todo) {
        if let Some(connection) = self.connections.remove(&connection) {
            connection.end(reason.clone());
            todo.dropped.push(Arc::clone(connection.dispatcher()));
        }
        let on = |key: &(ConnectionId, RequestId)| key.0 == connection;
        // A call that was answered already keeps its answer.
        let waiting = self.calls.extract_if(|key, slot| on(key) && slot.response.is_none());
        todo.wakers.extend(waiting.filter_map(|(_, slot)| slot.waker));
        todo.aborted.extend(self.handlers.extract_if(|key, _| on(key)).map(|(_, handler)| handler));
        todo.wakers.append(&mut self.end_waiters);
        if connection == ConnectionId::ROOT {
            todo.wakers.append(&mut self.room_waiters);
            todo.wakers.extend(self.channel_waiters.drain().flat_map(|(_, waiters)| waiters));
            self.end_connects(todo);
        }
    }

    pub(crate) fn wait_for_channel(&mut self, connection: ConnectionId, channel: ChannelId, waker: &Waker) {
        push_waker(self.channel_waiters.entry((connection, channel)).or_default(), waker);
    }

    pub(crate) fn forget_channel_waiters(&mut self, connection: ConnectionId, channel: ChannelId, todo: &mut Todo) {
        let forgotten = self.channel_waiters.remove(&(connection, channel));
        todo.wakers.extend(forgotten.into_iter().flatten());
    }

    /// Whether a Request or a Response may be queued now; if not, `waker` is called when it may.
    pub(super) fn poll_room(&mut self, waker: &Waker) -> Poll<()> {
        if self.link.close_reason().is_some() {
            return Poll::Ready(());
        }
        if self.link.agreed().is_some() && self.link.has_room_to_send() {
            return Poll::Ready(());
        }
        self.link.want_room();
        push_waker(&mut self.room_waiters, waker);
        Poll::Pending
    }

    pub(super) fn wait_for_end(&mut self, waker: &Waker) {
        push_waker(&mut self.end_waiters, waker);
    }
}

fn push_waker(waiters: &mut Vec<Waker>, waker: &Waker) {
    if !waiters.iter().any(|waiter| waiter.will_wake(waker)) {
        waiters.push(waker.clone());
    }
}

impl Todo {
    /// A task to be woken when the lock is released.
    pub(super) fn wake(&mut self, waker: impl IntoIterator<Item = Waker>) {
        self.wakers.extend(waker);
    }

    /// A dispatcher to be dropped when the lock is released.
    pub(super) fn drop_later(&mut self, dispatcher: Arc<dyn dispatch::ServiceDispatcher>) {
        self.dropped.push(dispatcher);
    }

    fn run(self, shared: &Shared) {
        for handler in self.aborted {
            handler.abort();
        }
        if !self.started.is_empty()
            && let Some(users) = shared.users()
        {
            for (connection, request) in self.started {
                dispatch::start(&users, connection, request);
            }
        }
        for waker in self.wakers {
            waker.wake();
        }
        if let Some(driver) = self.driver {
            driver.wake();
        }
    }
}

impl Drop for Users {
    fn drop(&mut self) {
        if self.role == Role::Initiator {
            self.shared.with(|state, _| state.link.close(""));
        }
    }
}

impl std::fmt::Debug for Users {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Users").field("role", &self.role).finish_non_exhaustive()
    }
}

/// Metadata that goes beside nothing.
pub(super) const NO_METADATA: &Metadata = &const { Metadata::new() };
