//! Worker tasks: each runs one future after another, and any of them can be aborted.
//!
//! tokio aligns the memory of a task to 128 bytes, which allocators are slow at, the more so when
//! another thread frees it. So a task that has finished its future waits for another one, until it
//! turns out not to be needed. Aborting costs no allocation either: each worker slot has a
//! generation counter, and an abort names the generation. Gain: 10 % of the instructions of a call
//! whose handler runs in a task.

use std::convert::Infallible;
use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use futures::channel::oneshot;

use super::link::service::{Abort, AbortHandle};
use crate::rt::{self, MaybeSend};

/// How many idle workers a connection keeps: as many as handlers run by default. Each has about
/// half a KiB.
const MAX_IDLE: usize = 256;
/// Workers that were idle for this long end, at the latest after twice the time.
const IDLE_TIMEOUT: Duration = Duration::from_secs(10);

/// Runs futures, each in a task that runs nothing else meanwhile.
pub(super) struct Workers<F>(Arc<IdleWorkers<F>>);

/// Workers that wait for another future.
struct IdleWorkers<F>(Mutex<Idle<F>>);

struct Idle<F> {
    /// The most recently used last.
    slots: Vec<Arc<Slot<F>>>,
    /// How many were never used since the last check for unneeded workers.
    unneeded: usize,
    /// Held for [`expire`], so that it learns when it is no longer needed.
    expiry: Option<oneshot::Sender<Infallible>>,
    /// The [`Workers`] were dropped.
    is_closed: bool,
}

/// Where a worker receives its futures.
pub(super) struct Slot<F> {
    mailbox: Mutex<Mailbox<F>>,
    /// The waker of the task, set when it is first polled.
    waker: OnceLock<Waker>,
    /// Counts the futures. Changes only under the lock.
    generation: AtomicU64,
}

struct Mailbox<F> {
    next: Next<F>,
    /// The latest generation to abort.
    aborted: u64,
}

enum Next<F> {
    Nothing,
    Future(F),
    /// There will be no other: the task has ended, or the workers were dropped.
    Ended,
}

/// A worker's task.
struct Worker<F> {
    slot: Arc<Slot<F>>,
    idle: Arc<IdleWorkers<F>>,
    future: Option<F>,
}

/// What a worker does next.
enum Command {
    Run,
    /// Drop the future without polling it again.
    Abort,
    Wait,
    End,
}

impl<F: Future + Unpin + MaybeSend + 'static> Workers<F> {
    pub(super) fn new() -> Self {
        let idle = Idle {
            slots: Vec::new(),
            unneeded: 0,
            expiry: None,
            is_closed: false,
        };
        Self(Arc::new(IdleWorkers(Mutex::new(idle))))
    }

    /// Returns slots for `count` futures. Each must be [run](Self::run) or [returned](Self::put_back).
    pub(super) fn slots(&self, count: usize) -> Vec<Arc<Slot<F>>> {
        let mut slots = self.0.take(count);
        slots.resize_with(count, || Arc::new(Slot::new()));
        slots
    }

    /// Returns slots that are not needed after all.
    pub(super) fn put_back(&self, slots: impl Iterator<Item = Arc<Slot<F>>>) {
        for slot in slots {
            // A slot without a waker has no task yet.
            if slot.waker.get().is_some() && !self.0.keep(&slot) {
                slot.end();
            }
        }
    }

    /// Runs a future in the background until it is ready or aborted. Returns it when the slot's
    /// task has ended.
    pub(super) fn run(&self, slot: Arc<Slot<F>>, future: F) -> Option<F> {
        let is_new = slot.waker.get().is_none();
        let refused = slot.give(future);
        if is_new {
            rt::spawn(Worker {
                slot,
                idle: Arc::clone(&self.0),
                future: None,
            });
        }
        refused
    }
}

impl<F> Drop for Workers<F> {
    fn drop(&mut self) {
        self.0.close();
    }
}

impl<F> IdleWorkers<F> {
    /// Takes up to `count` idle workers.
    fn take(&self, count: usize) -> Vec<Arc<Slot<F>>> {
        let mut idle = self.lock();
        let rest = idle.slots.len().saturating_sub(count);
        idle.unneeded = idle.unneeded.min(rest);
        idle.slots.split_off(rest)
    }

    /// Ends workers that were not used since the last call.
    fn end_unneeded(&self) {
        let mut idle = self.lock();
        let unneeded = idle.unneeded;
        let ended: Vec<_> = idle.slots.drain(..unneeded).collect();
        idle.slots.shrink_to_fit();
        idle.unneeded = idle.slots.len();
        if idle.slots.is_empty() {
            idle.expiry = None;
        }
        drop(idle);
        for slot in ended {
            slot.end();
        }
    }

    /// Ends all idle workers and keeps no more.
    fn close(&self) {
        let mut idle = self.lock();
        idle.is_closed = true;
        idle.expiry = None;
        let slots = mem::take(&mut idle.slots);
        drop(idle);
        for slot in slots {
            slot.end();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Idle<F>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<F: MaybeSend + 'static> IdleWorkers<F> {
    /// Keeps an idle worker. Returns `false` when it must end.
    fn keep(self: &Arc<Self>, slot: &Arc<Slot<F>>) -> bool {
        let mut idle = self.lock();
        if idle.is_closed || idle.slots.len() >= MAX_IDLE {
            return false;
        }
        idle.slots.push(Arc::clone(slot));
        if idle.expires() {
            return true;
        }
        let (held, ended) = oneshot::channel();
        idle.expiry = Some(held);
        drop(idle);
        rt::spawn(expire(Arc::downgrade(self), ended));
        true
    }
}

/// Ends unneeded workers, until none is left or the workers are dropped.
async fn expire<F>(idle: Weak<IdleWorkers<F>>, mut ended: oneshot::Receiver<Infallible>) {
    while rt::timeout(IDLE_TIMEOUT, &mut ended).await.is_none() {
        if let Some(idle) = idle.upgrade() {
            idle.end_unneeded();
        }
    }
}

impl<F> Idle<F> {
    fn expires(&self) -> bool {
        let expiry = self.expiry.as_ref();
        expiry.is_some_and(|held| !held.is_canceled())
    }
}

impl<F> Slot<F> {
    fn new() -> Self {
        let mailbox = Mailbox {
            next: Next::Nothing,
            aborted: 0,
        };
        Self {
            mailbox: Mutex::new(mailbox),
            waker: OnceLock::new(),
            generation: AtomicU64::new(0),
        }
    }

    /// Gives the worker a future. Returns it when the worker has ended.
    fn give(&self, future: F) -> Option<F> {
        let mut mailbox = self.lock();
        if let Next::Ended = mailbox.next {
            return Some(future);
        }
        mailbox.next = Next::Future(future);
        self.generation.fetch_add(1, Ordering::Relaxed);
        drop(mailbox);
        self.wake();
        None
    }

    /// Takes the next future if the worker has none. Returns what the worker does next.
    fn next_command(&self, future: &mut Option<F>) -> Command {
        let mut mailbox = self.lock();
        if future.is_none() {
            match mem::replace(&mut mailbox.next, Next::Nothing) {
                Next::Nothing => return Command::Wait,
                Next::Future(next) => *future = Some(next),
                Next::Ended => return Command::End,
            }
        }
        if mailbox.aborted == self.generation.load(Ordering::Relaxed) {
            Command::Abort
        } else {
            Command::Run
        }
    }

    /// Ends the worker once it is idle. Returns a future that it has not taken.
    fn end(&self) -> Option<F> {
        let next = mem::replace(&mut self.lock().next, Next::Ended);
        self.wake();
        match next {
            Next::Future(future) => Some(future),
            _ => None,
        }
    }

    /// Wakes the task, unless it is about to be polled for the first time.
    fn wake(&self) {
        if let Some(waker) = self.waker.get() {
            waker.wake_by_ref();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Mailbox<F>> {
        self.mailbox.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<F: MaybeSend + 'static> Slot<F> {
    /// Returns what aborts the future that is given next.
    pub(super) fn abort_handle(self: &Arc<Self>) -> AbortHandle {
        let next = self.generation.load(Ordering::Relaxed) + 1;
        AbortHandle::new(Arc::clone(self) as Arc<dyn Abort>, next)
    }
}

impl<F: MaybeSend + 'static> Abort for Slot<F> {
    fn abort(&self, generation: u64) {
        let mut mailbox = self.lock();
        mailbox.aborted = mailbox.aborted.max(generation);
        drop(mailbox);
        self.wake();
    }
}

impl<F: Future + Unpin + MaybeSend + 'static> Future for Worker<F> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let Self { slot, idle, future } = &mut *self;
        // Set before the mailbox is read, so that later changes wake the task.
        slot.waker.get_or_init(|| cx.waker().clone());
        match (slot.next_command(future), future.as_mut()) {
            (Command::Run, Some(future)) => {
                ready!(Pin::new(future).poll(cx));
            }
            (Command::Wait, _) => return Poll::Pending,
            (Command::End, _) => return Poll::Ready(()),
            _ => {}
        }
        *future = None;
        if idle.keep(slot) {
            Poll::Pending
        } else {
            Poll::Ready(())
        }
    }
}

impl<F> Drop for Worker<F> {
    fn drop(&mut self) {
        // It may have been given a future that it can no longer run.
        drop(self.slot.end());
    }
}

#[cfg(test)]
mod tests;
