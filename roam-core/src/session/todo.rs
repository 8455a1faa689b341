//! What is to be done when the lock is released: all that runs user code.

use std::sync::Arc;
use std::task::Waker;

use futures::future::AbortHandle;

use crate::proto::{ConnectionId, Request, RequestId};
use crate::rt;

use super::connection::ConnectionState;
use super::dispatch::{self, ServiceDispatcher};
use super::ends::{RawReceiver, RawSender};
use super::pump::pump;
use super::shared::Shared;
use super::unfinished::Unfinished;

/// What is to be done when the lock is released.
#[derive(Default)]
pub(crate) struct Todo {
    /// The first to be woken: mostly it is the only one, and costs no memory here.
    waker: Option<Waker>,
    wakers: Vec<Waker>,
    started: Vec<Started>,
    others: Vec<Other>,
}

/// What is to be done less often.
enum Other {
    Abort(AbortHandle),
    Pump(RawReceiver, RawSender),
    // To be dropped only: that may be user code as well.
    Waker(#[expect(dead_code, reason = "dropped")] Waker),
    Dispatcher(#[expect(dead_code, reason = "dropped")] Arc<dyn ServiceDispatcher>),
}

/// A call of the peer that is to be handed to its dispatcher.
pub(super) struct Started {
    pub(super) connection: Arc<ConnectionState>,
    pub(super) dispatcher: Arc<dyn ServiceDispatcher>,
    pub(super) request: Request,
}

impl Todo {
    /// Tasks are to be woken.
    pub(super) fn wake(&mut self, wakers: impl IntoIterator<Item = Waker>) {
        for waker in wakers {
            match self.waker {
                None => self.waker = Some(waker),
                Some(_) => self.wakers.push(waker),
            }
        }
    }

    /// A task does not wait any more.
    pub(super) fn discard(&mut self, waker: Option<Waker>) {
        self.others.extend(waker.map(Other::Waker));
    }

    /// A dispatcher is not needed any more.
    pub(super) fn drop_later(&mut self, dispatcher: Arc<dyn ServiceDispatcher>) {
        self.others.push(Other::Dispatcher(dispatcher));
    }

    /// A handler is to be stopped.
    pub(super) fn abort(&mut self, handler: AbortHandle) {
        self.others.push(Other::Abort(handler));
    }

    /// What comes from the one end is to be passed on to the other.
    pub(super) fn pump(&mut self, from: RawReceiver, to: RawSender) {
        self.others.push(Other::Pump(from, to));
    }

    /// A call is to be handed to its dispatcher.
    pub(super) fn start(&mut self, started: Started) {
        self.started.push(started);
    }

    /// A call is not to be handed to its dispatcher after all. `false` when it was not going to be.
    pub(super) fn forget_start(&mut self, connection: ConnectionId, request: RequestId) -> bool {
        let is_it = |Started { request: it, .. }: &mut Started| {
            it.connection == connection && it.request == request
        };
        let forgotten = self.started.extract_if(.., is_it).next();
        let found = forgotten.is_some();
        let dispatcher = forgotten.map(|started| started.dispatcher);
        self.others.extend(dispatcher.map(Other::Dispatcher));
        found
    }

    /// Does it all. Handlers come last, as some of them are run in place.
    #[inline]
    pub(super) fn run(self, shared: &Shared) {
        if let Some(waker) = self.waker {
            waker.wake();
        }
        // Mostly there is nothing more.
        if !(self.wakers.is_empty() && self.others.is_empty() && self.started.is_empty()) {
            Self::run_rest(self.wakers, self.others, self.started, shared);
        }
    }

    fn run_rest(wakers: Vec<Waker>, others: Vec<Other>, started: Vec<Started>, shared: &Shared) {
        for waker in wakers {
            waker.wake();
        }
        for other in others {
            match other {
                Other::Abort(handler) => handler.abort(),
                Other::Pump(from, to) => rt::spawn(Unfinished::new(Box::pin(pump(from, to)))),
                Other::Waker(_) | Other::Dispatcher(_) => {}
            }
        }
        if !started.is_empty() {
            dispatch::start(shared, started);
        }
    }
}
