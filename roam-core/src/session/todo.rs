//! What is to be done when the lock is released: all that runs user code.

use std::ops::AddAssign;
use std::sync::Arc;
use std::task::Waker;

use crate::proto::{ConnectionId, Request, RequestId};
use crate::rt;

use super::dispatch::{self, HandlerStopper, ServiceDispatcher};
use super::ends::{RawReceiver, RawSender};
use super::pump::pump;
use super::shared::{Served, Shared};
use super::unfinished::Unfinished;

/// What is to be done when the lock is released. Mostly that is nothing, or to wake one task, and
/// then it costs no memory.
#[derive(Default)]
pub(crate) struct Todo {
    /// The first to be woken.
    waker: Option<Waker>,
    rest: Option<Box<Rest>>,
    /// How much more there is likely to be of what there is most.
    expected: usize,
}

#[derive(Default)]
struct Rest {
    wakers: Vec<Waker>,
    started: Vec<Started>,
    /// The calls of those, one after the other. `None` where one is not to be handed over after all.
    requests: Vec<Option<Request>>,
    others: Vec<Other>,
}

/// What is to be done less often.
enum Other {
    Stop(HandlerStopper),
    Pump(RawReceiver, RawSender),
    // To be dropped only: that may be user code as well.
    Waker(#[expect(dead_code, reason = "dropped")] Waker),
    Dispatcher(#[expect(dead_code, reason = "dropped")] Arc<dyn ServiceDispatcher>),
}

/// Calls of the peer that came one after the other on a connection, and are to be handed to its
/// dispatcher.
pub(super) struct Started {
    pub(super) served: Served,
    pub(super) count: usize,
}

/// How many tasks are to run now.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Woken {
    /// Those that waited for something.
    pub(super) waiters: usize,
    /// Those of handlers.
    pub(super) handlers: usize,
}

impl AddAssign for Woken {
    fn add_assign(&mut self, other: Self) {
        self.waiters += other.waiters;
        self.handlers += other.handlers;
    }
}

impl Todo {
    fn rest(&mut self) -> &mut Rest {
        self.rest.get_or_insert_default()
    }

    /// So much is about to be put on the list.
    pub(super) fn expect(&mut self, count: usize) {
        self.expected = count;
    }

    /// Tasks are to be woken.
    pub(super) fn wake(&mut self, wakers: impl IntoIterator<Item = Waker>) {
        for waker in wakers {
            if self.waker.is_none() {
                self.waker = Some(waker);
            } else {
                let expected = self.expected;
                push(&mut self.rest().wakers, waker, expected);
            }
        }
    }

    /// A task does not wait any more.
    pub(super) fn discard(&mut self, waker: Option<Waker>) {
        if let Some(waker) = waker {
            self.rest().others.push(Other::Waker(waker));
        }
    }

    /// A dispatcher is not needed any more.
    pub(super) fn drop_later(&mut self, dispatcher: Arc<dyn ServiceDispatcher>) {
        self.rest().others.push(Other::Dispatcher(dispatcher));
    }

    /// A handler is to be stopped.
    pub(super) fn stop(&mut self, handler: HandlerStopper) {
        self.rest().others.push(Other::Stop(handler));
    }

    /// What comes from the one end is to be passed on to the other.
    pub(super) fn pump(&mut self, from: RawReceiver, to: RawSender) {
        self.rest().others.push(Other::Pump(from, to));
    }

    /// A call is to be handed to the dispatcher of its connection.
    pub(super) fn start(&mut self, served: &Served, request: Request) {
        let expected = self.expected;
        let rest = self.rest();
        push(&mut rest.requests, Some(request), expected);
        match rest.started.last_mut() {
            Some(last) if last.served.is(served) => last.count += 1,
            _ => rest.started.push(Started {
                served: served.clone(),
                count: 1,
            }),
        }
    }

    /// A call is not to be handed to its dispatcher after all. `false` when it was not going to be.
    pub(super) fn forget_start(&mut self, connection: ConnectionId, request: RequestId) -> bool {
        let requests = self.rest.iter_mut().flat_map(|rest| &mut rest.requests);
        let is_it = |it: &Request| it.connection == connection && it.request == request;
        // Mostly it is the last one that was cancelled at once.
        let mut forgotten = requests.rev().filter_map(|it| it.take_if(|it| is_it(it)));
        forgotten.next().is_some()
    }

    /// Does it all. Handlers come last, as some of them are run in place.
    #[inline]
    pub(super) fn run(&mut self, shared: &Shared) -> Woken {
        let mut woken = Woken::default();
        if let Some(waker) = self.waker.take() {
            waker.wake();
            woken.waiters = 1;
        }
        if let Some(rest) = &mut self.rest {
            woken += rest.run(shared);
        }
        woken
    }

    /// Gives back the memory that it keeps to be used again.
    pub(super) fn release(&mut self) {
        self.rest = None;
    }
}

/// Puts something on a list, for which there is room for `expected` once it is not empty.
fn push<T>(list: &mut Vec<T>, item: T, expected: usize) {
    if list.is_empty() {
        list.reserve(expected);
    }
    list.push(item);
}

impl Rest {
    fn run(&mut self, shared: &Shared) -> Woken {
        let waiters = self.wakers.len();
        for waker in self.wakers.drain(..) {
            waker.wake();
        }
        for other in self.others.drain(..) {
            match other {
                Other::Stop(handler) => handler.stop(),
                Other::Pump(from, to) => rt::spawn(Unfinished::new(Box::pin(pump(from, to)))),
                Other::Waker(_) | Other::Dispatcher(_) => {}
            }
        }
        let handlers = if self.started.is_empty() {
            0
        } else {
            let requests = self.requests.drain(..);
            dispatch::start(shared, self.started.drain(..), requests)
        };
        Woken { waiters, handlers }
    }
}
