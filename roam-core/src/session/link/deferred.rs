//! Work that is deferred until the link's lock is released: everything that runs user code.

use std::ops::AddAssign;
use std::sync::Arc;
use std::task::Waker;

use super::service::{AbortHandle, Served, Service};
use super::shared::{LinkGuard, Shared};
use crate::proto::{ConnectionId, Request, RequestId};
use crate::rt::{self, BoxFuture};

/// Work to do once the lock is released. Usually there is none, or one task to wake, and then it
/// costs no memory.
#[derive(Default)]
pub(crate) struct Deferred {
    /// The first task to wake.
    waker: Option<Waker>,
    more: Option<Box<More>>,
}

#[derive(Default)]
struct More {
    wakers: Vec<Waker>,
    batches: Vec<CallBatch>,
    /// The calls of all batches, in order; `None` where a call was cancelled in the meantime.
    requests: Vec<Option<Request>>,
    rare: Vec<Rare>,
}

/// Work that occurs less often.
enum Rare {
    Abort(AbortHandle),
    Spawn(BoxFuture<'static, ()>),
    // Dropping these may run user code.
    DropWaker(#[expect(dead_code, reason = "dropped")] Waker),
    DropService(#[expect(dead_code, reason = "dropped")] Arc<dyn Service>),
}

/// Consecutive calls of the peer on one connection.
struct CallBatch {
    served: Served,
    len: usize,
}

/// How many tasks were made ready to run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Woken {
    /// Tasks that waited for something on the link, mostly callers.
    pub(crate) waiters: usize,
    /// Tasks of handlers.
    pub(crate) handlers: usize,
}

impl AddAssign for Woken {
    fn add_assign(&mut self, other: Self) {
        self.waiters += other.waiters;
        self.handlers += other.handlers;
    }
}

impl Deferred {
    fn more(&mut self) -> &mut More {
        self.more.get_or_insert_default()
    }

    /// Wakes tasks.
    #[inline]
    pub(crate) fn wake(&mut self, wakers: impl IntoIterator<Item = Waker>) {
        for waker in wakers {
            if self.waker.is_none() {
                self.waker = Some(waker);
            } else {
                self.more().wakers.push(waker);
            }
        }
    }

    /// Drops a waker that is no longer needed.
    #[inline]
    pub(crate) fn discard(&mut self, waker: Option<Waker>) {
        if let Some(waker) = waker {
            self.more().rare.push(Rare::DropWaker(waker));
        }
    }

    /// Drops a service that is no longer needed.
    pub(crate) fn discard_service(&mut self, service: Arc<dyn Service>) {
        self.more().rare.push(Rare::DropService(service));
    }

    /// Aborts a handler.
    pub(crate) fn abort(&mut self, handler: AbortHandle) {
        self.more().rare.push(Rare::Abort(handler));
    }

    /// Runs a future in the background.
    pub(crate) fn spawn(&mut self, future: BoxFuture<'static, ()>) {
        self.more().rare.push(Rare::Spawn(future));
    }

    /// Passes a call to the service of its connection.
    pub(super) fn start(&mut self, served: &Served, request: Request) {
        let more = self.more();
        more.requests.push(Some(request));
        match more.batches.last_mut() {
            Some(last) if last.served.is(served) => last.len += 1,
            _ => more.batches.push(CallBatch {
                served: served.clone(),
                len: 1,
            }),
        }
    }

    /// Takes back a call that was cancelled. Returns `false` when it is not deferred here.
    pub(super) fn cancel_start(&mut self, connection: ConnectionId, request: RequestId) -> bool {
        let requests = self.more.iter_mut().flat_map(|more| &mut more.requests);
        let matches = |it: &mut Request| it.connection == connection && it.request == request;
        // Usually it is the last call that was cancelled at once.
        let mut taken = requests.rev().filter_map(|it| it.take_if(matches));
        taken.next().is_some()
    }

    /// Does all deferred work. Handlers come last, since some run in place.
    #[inline]
    pub(super) fn run(&mut self, shared: &Shared) -> Woken {
        let mut woken = Woken::default();
        if let Some(waker) = self.waker.take() {
            rt::wake(waker);
            woken.waiters = 1;
        }
        if let Some(more) = &mut self.more {
            woken += more.run(shared);
        }
        woken
    }
}

impl More {
    fn run(&mut self, shared: &Shared) -> Woken {
        let waiters = self.wakers.len();
        for waker in self.wakers.drain(..) {
            rt::wake(waker);
        }
        for rare in self.rare.drain(..) {
            match rare {
                Rare::Abort(handler) => handler.abort(),
                Rare::Spawn(future) => rt::spawn(future),
                Rare::DropWaker(_) | Rare::DropService(_) => {}
            }
        }
        let handlers = if self.batches.is_empty() {
            0
        } else {
            self.start_handlers(shared)
        };
        Woken { waiters, handlers }
    }

    fn start_handlers(&mut self, shared: &Shared) -> usize {
        let Some(link) = shared.guard() else {
            self.refuse_all(shared);
            return 0;
        };
        let mut requests = self.requests.as_mut_slice();
        let mut handlers = 0;
        for CallBatch { served, len } in self.batches.drain(..) {
            let (batch, rest) = requests.split_at_mut(len);
            handlers += start(&served, &link, batch);
            requests = rest;
        }
        self.requests.clear();
        handlers
    }

    /// Drops calls that nobody can answer: the link is about to be closed.
    #[cold]
    fn refuse_all(&mut self, shared: &Shared) {
        self.batches.clear();
        let requests = self.requests.drain(..).flatten();
        shared.with(|state, _| {
            for request in requests {
                let calls = state.link.calls(request.connection);
                calls.handler_finished(request.request);
            }
        });
    }
}

fn start(served: &Served, link: &Arc<LinkGuard>, batch: &mut [Option<Request>]) -> usize {
    served.service.start(link, &served.connection, batch)
}
