//! The heart of a link: the machine behind one lock, and who waits for what.
//!
//! Whoever wants something locks the machine, changes it, and wakes the driver if that sleeps.
//! The lock is never held while user code runs: what that calls for is put on a list of what is
//! [to do](Todo), and done when the lock is released.

use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;

use crate::proto::{
    ChannelId, CloseReason, ConnectionId, Event, KeyMap, Link, Metadata, RequestId, Response, Role,
    Violation,
};
use crate::rt::Clock;

use super::connection::ConnectionState;
use super::connects::{Accepting, ConnectSlot};
use super::dispatch::{HandlerStopper, HandlerTask, ServiceDispatcher};
use super::pool::Pool;
use super::sleeper::{Sleeper, Until};
use super::todo::{Todo, Woken};
use super::waiters::{Ticket, Waiters};

/// The state of a link, shared by its driver, its handles and its channels.
pub(crate) struct Shared {
    state: Mutex<State>,
    clock: Clock,
    users: OnceLock<Weak<Users>>,
    /// Where handlers run that are not polled in place.
    pub(super) tasks: Pool<HandlerTask>,
}

/// What a driver is to do next for sending.
pub(super) enum Transmit {
    /// Send a frame, and ask again.
    Frame(Bytes),
    /// Send a frame, and sleep: there is no other.
    Last(Bytes),
    /// Let others run first, so that what they queue goes out in the same write as what `queued`
    /// messages hold that wait already.
    Gather { queued: usize },
    /// Sleep: it is woken when there is something to send.
    Sleep,
    /// Close the transport: the link is over, and all has been sent.
    Over,
}

/// What came of taking in a part of a frame.
pub(super) struct Received {
    /// Where the next part begins.
    pub(super) to: usize,
    /// Which tasks that woke.
    pub(super) woken: Woken,
}

/// What the lock protects.
pub(crate) struct State {
    pub(crate) link: Link,
    pub(super) calls: KeyMap<CallKey, CallSlot>,
    pub(super) handlers: KeyMap<CallKey, HandlerStopper>,
    pub(super) connections: KeyMap<ConnectionId, Served>,
    pub(super) connects: KeyMap<RequestId, ConnectSlot>,
    pub(super) accepting: Accepting,
    /// Whether somebody wants to know since when what is in flight is.
    pub(super) watched: bool,
    driver: Sleeper,
    waiting: KeyMap<Wait, Waiters>,
}

/// How many answers are worth a write of their own, however many calls of the peer are in flight.
const ANSWERS: usize = 32;
/// The same of messages that come from here. Who has a call answered has the next one ready soon,
/// and the peer has enough to do.
const REQUESTS: usize = 256;
/// So many events are taken care of in one go: with the lock, and then without.
const EVENTS: usize = 8;
/// With so many calls in flight, or so many messages sent at once, more frames are to come soon.
const BUSY: u64 = 4;

/// A call, among all of the link.
pub(super) type CallKey = (ConnectionId, RequestId);

/// What can be waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Wait {
    /// The handshake, and room for a Request or a Response.
    Room,
    /// The end of a connection.
    End(ConnectionId),
    /// The answer to a Connect of ours.
    Connect(RequestId),
    /// A Connect of the peer.
    Connects,
    /// Elements, credit, or the end of a channel.
    Channel(ConnectionId, ChannelId),
}

/// A connection, and who answers its calls. Handles do not hold the dispatcher, since a handler
/// may well hold handles.
#[derive(Clone)]
pub(super) struct Served {
    pub(super) connection: Arc<ConnectionState>,
    pub(super) dispatcher: Arc<dyn ServiceDispatcher>,
}

impl Served {
    pub(super) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.connection, &other.connection)
    }
}

/// A call of ours that waits for its answer.
pub(super) struct CallSlot {
    pub(super) waker: Option<Waker>,
    pub(super) outcome: Option<CallOutcome>,
}

impl CallSlot {
    /// A call without an answer, and who waits for that.
    pub(super) fn waiting(waker: Option<Waker>) -> Self {
        let outcome = None;
        Self { waker, outcome }
    }
}

/// How a call of ours came to its end.
pub(super) enum CallOutcome {
    Answered(Response),
    /// The connection ended before the Request had left.
    NotSent,
}

/// Held by all that a user holds of a link. When the last is dropped, a link that we opened is
/// closed; one that the peer opened goes on, for the peer.
pub(crate) struct Users {
    pub(crate) shared: Arc<Shared>,
    role: Role,
}

impl Shared {
    pub(super) fn open(link: Link, root: Served, clock: Clock) -> Arc<Users> {
        let role = link.role();
        let state = State {
            link,
            calls: KeyMap::default(),
            handlers: KeyMap::default(),
            connections: KeyMap::from_iter([(ConnectionId::ROOT, root)]),
            connects: KeyMap::default(),
            accepting: Accepting::default(),
            watched: false,
            driver: Sleeper::default(),
            waiting: KeyMap::default(),
        };
        let shared = Arc::new(Self {
            state: Mutex::new(state),
            clock,
            users: OnceLock::new(),
            tasks: Pool::new(),
        });
        let users = Arc::new(Users {
            shared: Arc::clone(&shared),
            role,
        });
        shared.users.get_or_init(|| Arc::downgrade(&users));
        users
    }

    pub(super) fn users(&self) -> Option<Arc<Users>> {
        self.users.get()?.upgrade()
    }

    /// Changes the state, and does afterwards what follows from it.
    pub(crate) fn with<R>(&self, change: impl FnOnce(&mut State, &mut Todo) -> R) -> R {
        self.change(&mut Todo::default(), change).0
    }

    /// The same, with a list of what is to be done that is used again, and tells which tasks that
    /// woke.
    #[inline]
    fn change<R>(
        &self,
        todo: &mut Todo,
        change: impl FnOnce(&mut State, &mut Todo) -> R,
    ) -> (R, Woken) {
        let result = {
            let mut state = self.lock();
            if state.watched {
                state.link.handle_clock(self.clock.now());
            }
            let result = change(&mut state, todo);
            state.settle(todo);
            result
        };
        let woken = todo.run(self);
        (result, woken)
    }

    /// Looks at the state, or changes what nothing follows from.
    pub(super) fn look<R>(&self, look: impl FnOnce(&mut State) -> R) -> R {
        look(&mut self.lock())
    }

    /// Waits until `check` is ready. It is asked at once, and again when what is waited for has
    /// happened.
    pub(super) async fn wait_for<R>(
        &self,
        wait: Wait,
        mut check: impl FnMut(&mut State, &mut Todo, &Context<'_>) -> Poll<R>,
    ) -> R {
        let mut place = Place {
            shared: self,
            wait,
            ticket: None,
        };
        poll_fn(|cx| place.poll(cx, &mut check)).await
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // No user code runs under the lock, so a panic there is a bug of ours; the machine's
        // invariants are checked where they are relied on, and the other links must go on.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes in a part of a frame, from a byte on, for a driver that looks afterwards for what there
    /// is to send.
    pub(super) fn receive(&self, frame: &Bytes, from: usize, todo: &mut Todo) -> Received {
        let (to, woken) = self.change(todo, |state, _| {
            state.driver.rise();
            state.link.handle_part(frame, from, EVENTS)
        });
        Received { to, woken }
    }

    /// The transport broke a rule.
    pub(crate) fn violated(&self, violation: Violation) {
        self.with(|state, _| state.link.handle_violation(violation));
    }

    /// The transport is gone.
    pub(crate) fn lost(&self, error: Arc<dyn std::error::Error + Send + Sync>) {
        self.with(|state, _| state.link.handle_lost(error));
    }

    /// Whether the handshake is done.
    pub(super) fn has_agreed(&self) -> bool {
        self.lock().link.has_agreed()
    }

    /// Whether enough waits to be sent.
    pub(super) fn has_batch(&self) -> bool {
        self.lock().has_batch()
    }

    /// What the driver is to do next for sending. It is told to let others run when they may be
    /// about to queue something as well: when they were let run already, with `gathered` messages
    /// queued, only if there are more now.
    pub(super) fn poll_transmit(&self, cx: &Context<'_>, gathered: Option<usize>) -> Transmit {
        self.with(|state, todo| {
            let is_over = state.link.close_reason().is_some();
            let queued = state.link.queued_messages();
            if queued > gathered.unwrap_or_default() && !is_over && !state.has_batch() {
                return Transmit::Gather { queued };
            }
            let frame = state.link.poll_transmit();
            match frame {
                Some(frame) if is_over || !state.link.is_drained() => {
                    return Transmit::Frame(frame);
                }
                None if is_over => return Transmit::Over,
                _ => {}
            }
            todo.discard(state.driver.sleep(Until::Output, cx.waker()));
            frame.map_or(Transmit::Sleep, Transmit::Last)
        })
    }

    /// Whether so much is going on that more is to come soon. `sent` are the messages that had been
    /// sent when this was asked last.
    pub(super) fn is_busy(&self, sent: &mut u64) -> bool {
        let link = &self.lock().link;
        let (ours, theirs) = link.short_calls();
        let before = std::mem::replace(sent, link.sent_messages());
        (ours + theirs) as u64 >= BUSY || *sent - before >= BUSY
    }

    /// The driver does not sleep after all.
    pub(super) fn stay_awake(&self) {
        self.lock().driver.rise();
    }

    /// The transport takes nothing: all that the driver has to hear of is the link's end. Tells
    /// whether that has come.
    pub(super) fn sleep_until_end(&self, cx: &Context<'_>) -> bool {
        self.with(|state, todo| {
            let is_over = state.link.close_reason().is_some();
            if !is_over {
                todo.discard(state.driver.sleep(Until::End, cx.waker()));
            }
            is_over
        })
    }

    /// How long until [`handle_timeout`](Self::handle_timeout) is to be called.
    pub(super) fn timeout(&self) -> Option<Duration> {
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

/// The place of a future among those that wait. It is given up when the future is dropped.
struct Place<'a> {
    shared: &'a Shared,
    wait: Wait,
    ticket: Option<Ticket>,
}

impl Place<'_> {
    fn poll<R>(
        &mut self,
        cx: &Context<'_>,
        check: impl FnOnce(&mut State, &mut Todo, &Context<'_>) -> Poll<R>,
    ) -> Poll<R> {
        let Self {
            shared,
            wait,
            ticket,
        } = self;
        shared.with(|state, todo| {
            let checked = check(state, todo, cx);
            if checked.is_pending() {
                state.wait(*wait, ticket, cx.waker(), todo);
            } else if let Some(ticket) = ticket.take() {
                state.leave(*wait, ticket, todo);
            }
            checked
        })
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket {
            self.shared
                .with(|state, todo| state.leave(self.wait, ticket, todo));
        }
    }
}

impl State {
    /// Turns what the machine reports into what is to be done.
    fn settle(&mut self, todo: &mut Todo) {
        todo.expect(self.link.pending_events());
        while let Some(event) = self.link.poll_event() {
            self.handle(event, todo);
        }
        if self.driver.is_awake() {
            return;
        }
        if self.link.close_reason().is_some() {
            todo.wake(self.driver.wake(Until::End));
        } else if !self.link.is_drained() {
            todo.wake(self.driver.wake(Until::Output));
        }
    }

    /// Whether so much waits that it is worth a write of its own: the peer can work on it while
    /// the rest is worked on here. Of few calls in flight, that is whatever there is; and calls that
    /// stay in flight for long say nothing of how many there are to come.
    fn has_batch(&self) -> bool {
        let queued = self.link.queued_messages();
        let (ours, theirs) = self.link.short_calls();
        queued > 0 && queued >= (ours / 2).min(REQUESTS) + (theirs / 4).min(ANSWERS)
    }

    fn handle(&mut self, event: Event, todo: &mut Todo) {
        match event {
            Event::Ready(_) | Event::SendBufferReady => self.notify(Wait::Room, todo),
            Event::ChannelReady {
                connection,
                channel,
            } => {
                self.notify(Wait::Channel(connection, channel), todo);
            }
            Event::Request(request) => {
                if let Some(served) = self.connections.get(&request.connection) {
                    todo.start(served, request);
                }
            }
            Event::Cancelled {
                connection,
                request,
            } => self.cancelled(connection, request, todo),
            Event::Response(response) => {
                let key = (response.connection, response.request);
                self.end_call(key, CallOutcome::Answered(response), todo);
            }
            Event::NotSent {
                connection,
                request,
            } => self.end_call((connection, request), CallOutcome::NotSent, todo),
            Event::ConnectRequest { request, metadata } => {
                self.connect_requested(request, metadata, todo);
            }
            Event::ConnectAnswer {
                request,
                result,
                metadata,
            } => {
                self.connect_answered(request, result, metadata, todo);
            }
            Event::ConnectionEnded { connection, reason } => self.ended(connection, &reason, todo),
        }
    }

    fn end_call(&mut self, key: CallKey, outcome: CallOutcome, todo: &mut Todo) {
        if let Some(slot) = self.calls.get_mut(&key) {
            slot.outcome = Some(outcome);
            todo.wake(slot.waker.take());
        }
    }

    /// Nobody waits for the answer to a call of the peer. Its handler is stopped, or, when the
    /// Request came in the same frame, never started.
    #[cold]
    fn cancelled(&mut self, connection: ConnectionId, request: RequestId, todo: &mut Todo) {
        if let Some(handler) = self.handlers.remove(&(connection, request)) {
            todo.stop(handler);
        } else if todo.forget_start(connection, request) {
            self.link.handler_gone(connection, request);
        }
    }

    /// Everything on `connection` ends: its calls, its handlers and its channels.
    #[cold]
    fn ended(&mut self, connection: ConnectionId, reason: &CloseReason, todo: &mut Todo) {
        if let Some(served) = self.connections.remove(&connection) {
            served.connection.end(reason.clone());
            todo.drop_later(served.dispatcher);
        }
        let on = |key: &CallKey| key.0 == connection;
        // A call that was answered already keeps its answer.
        let waiting = self
            .calls
            .extract_if(|key, slot| on(key) && slot.outcome.is_none());
        todo.wake(waiting.filter_map(|(_, slot)| slot.waker));
        for (_, handler) in self.handlers.extract_if(|key, _| on(key)) {
            todo.stop(handler);
        }
        self.notify(Wait::End(connection), todo);
        // Who waits to send on it never will.
        self.notify(Wait::Room, todo);
        if connection == ConnectionId::ROOT {
            self.end_connects(todo);
            let waiting = self.waiting.drain();
            todo.wake(waiting.flat_map(|(_, waiters)| waiters.into_wakers()));
        }
    }

    /// Has `waker` called when what is waited for may have happened.
    pub(super) fn wait(
        &mut self,
        wait: Wait,
        ticket: &mut Option<Ticket>,
        waker: &Waker,
        todo: &mut Todo,
    ) {
        let ticket = *ticket.get_or_insert_with(Ticket::draw);
        todo.discard(self.waiting.entry(wait).or_default().wait(ticket, waker));
    }

    /// One that waited does not any more.
    pub(super) fn leave(&mut self, wait: Wait, ticket: Ticket, todo: &mut Todo) {
        if let Some(waiters) = self.waiting.get_mut(&wait) {
            todo.discard(waiters.leave(ticket));
            if waiters.is_empty() {
                self.waiting.remove(&wait);
            }
        }
    }

    /// Wakes everybody who waits for something.
    pub(super) fn notify(&mut self, wait: Wait, todo: &mut Todo) {
        if let Some(waiters) = self.waiting.remove(&wait) {
            todo.wake(waiters.into_wakers());
        }
    }

    /// Whether a Request or a Response may be queued now. If not, who waits for [`Wait::Room`] is
    /// woken when it may.
    pub(super) fn poll_room(&mut self) -> Poll<()> {
        if self.link.has_agreed() && self.link.has_room_to_send() {
            return Poll::Ready(());
        }
        self.link.want_room();
        Poll::Pending
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
        f.debug_struct("Users")
            .field("role", &self.role)
            .finish_non_exhaustive()
    }
}

/// Metadata that goes beside nothing.
pub(super) const NO_METADATA: &Metadata = &const { Metadata::new() };
