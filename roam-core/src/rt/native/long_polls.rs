//! Handlers that compute.
//!
//! While a handler computes, its worker thread does nothing else, and tokio keeps some of what that
//! thread was to do from all others: the task that was woken last, those that have yielded, and perhaps
//! sockets and timers, which one thread watches while the others sleep. So a handler would hold up its own
//! elements and the link, although threads are free.
//!
//! What a handler wakes is therefore held until its poll ends, and a thread of ours, the watcher, looks
//! every millisecond whether a poll lasts. If so, it wakes what is held, from outside of the runtime: any
//! thread may run that. It also hands an empty task to the runtime. The thread that runs it watches
//! sockets and timers afterwards.
//!
//! The watcher sleeps while no handler is polled. A runtime with one thread has no use for any of this.

use std::cell::Cell;
use std::collections::{BTreeMap, VecDeque};
use std::future::Future;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::{Context, Waker};
use std::thread;
use std::time::{Duration, Instant};

use tokio::runtime::{Handle, RuntimeFlavor};

/// How often the watcher looks, while handlers are polled. A poll that lasts is noticed after one to two
/// of these.
const LOOK: Duration = Duration::from_millis(1);
/// After how many looks without a poll it falls asleep. Waking it costs about as much as a look.
const QUIET_LOOKS: u32 = 5;

static WATCHER: Watcher = Watcher {
    threads: Mutex::new(Vec::new()),
    is_asleep: AtomicBool::new(true),
    thread: OnceLock::new(),
};

thread_local! {
    static STATE: Cell<State> = const { Cell::new(State::New) };
    static THREAD: Option<Registered> = Registered::new();
}

/// What a thread does.
#[derive(Clone, Copy, PartialEq)]
enum State {
    /// It has not polled a handler yet.
    New,
    /// No other thread could do anything for it.
    Unwatched,
    Free,
    /// It polls a handler.
    Polling,
    /// It polls a handler that has woken something.
    Holding,
}

/// A worker thread, as the watcher knows it.
#[derive(Debug, Default)]
struct Thread {
    /// Counts the begins and ends of polls: odd during one.
    polls: AtomicU64,
    /// What the watcher saw last.
    seen: AtomicU64,
    /// Set by the first poll.
    runtime: OnceLock<Option<Handle>>,
    held: Mutex<Held>,
}

#[derive(Debug, Default)]
struct Held {
    /// What the handler has woken.
    woken: VecDeque<Waker>,
    /// Tasks that have yielded on this thread, by their [`Yielding`].
    yielded: BTreeMap<u64, Waker>,
    /// The last poll that lasted.
    long: u64,
}

/// A thread that the watcher knows, until the thread ends.
struct Registered(Arc<Thread>);

struct Watcher {
    threads: Mutex<Vec<Arc<Thread>>>,
    /// The next handler must wake it, or start it.
    is_asleep: AtomicBool,
    thread: OnceLock<thread::Thread>,
}

/// A handler, which may compute, is polled until this is dropped.
#[must_use]
pub(crate) struct Polling {
    /// Only the outermost counts: a handler may block its thread on another.
    counts: bool,
}

impl Polling {
    #[inline]
    pub(crate) fn begin() -> Self {
        let counts = match STATE.get() {
            State::Free => true,
            State::New => is_watched(),
            _ => false,
        };
        if counts {
            with_thread(Thread::begin);
        }
        Self { counts }
    }
}

impl Drop for Polling {
    #[inline]
    fn drop(&mut self) {
        if self.counts {
            with_thread(Thread::end);
        }
    }
}

/// Wakes a task. A handler that wakes one must not hold it up.
#[inline]
pub(crate) fn wake(waker: Waker) {
    match STATE.get() {
        State::Polling | State::Holding => hold(waker),
        _ => waker.wake(),
    }
}

#[cold]
fn hold(waker: Waker) {
    with_thread(|thread| thread.hold(waker));
}

#[cold]
fn is_watched() -> bool {
    let is_watched = THREAD.with(Option::is_some);
    let state = if is_watched {
        State::Free
    } else {
        State::Unwatched
    };
    STATE.set(state);
    is_watched
}

fn with_thread(act: impl FnOnce(&Thread)) {
    THREAD.with(|thread| {
        if let Some(Registered(thread)) = thread {
            act(thread);
        }
    });
}

/// A task that lets others run first, now and then.
#[derive(Debug)]
pub(crate) struct Yielding {
    id: u64,
    /// Where it yielded last.
    thread: Option<Arc<Thread>>,
}

impl Yielding {
    /// Returns the place of a task that has not yielded.
    pub(crate) fn new() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Self {
            id: NEXT.fetch_add(1, Ordering::Relaxed),
            thread: None,
        }
    }

    /// Wakes the task again after every ready task has run.
    pub(crate) fn wake_after_others(&mut self, cx: &mut Context<'_>) {
        // A task that wakes itself would wake another thread to steal it; a yielding task does not.
        let _ = pin!(tokio::task::yield_now()).poll(cx);
        let _ = THREAD.try_with(|thread| {
            if let Some(Registered(thread)) = thread {
                self.enter(thread, cx.waker());
            }
        });
    }

    fn enter(&mut self, thread: &Arc<Thread>, waker: &Waker) {
        if !(self.thread.as_ref()).is_some_and(|last| Arc::ptr_eq(last, thread)) {
            self.leave();
            self.thread = Some(Arc::clone(thread));
        }
        let mut held = thread.lock();
        let replaced = match held.yielded.get(&self.id) {
            Some(yielded) if yielded.will_wake(waker) => None,
            _ => held.yielded.insert(self.id, waker.clone()),
        };
        drop(held);
        drop(replaced);
    }

    /// The task sleeps: what it waits for wakes it.
    #[inline]
    pub(crate) fn leave(&mut self) {
        if let Some(thread) = self.thread.take() {
            thread.forget(self.id);
        }
    }
}

impl Drop for Yielding {
    fn drop(&mut self) {
        self.leave();
    }
}

impl Registered {
    fn new() -> Option<Self> {
        let flavor = Handle::try_current().map(|runtime| runtime.runtime_flavor());
        if flavor.is_ok_and(|flavor| flavor == RuntimeFlavor::CurrentThread) {
            return None;
        }
        let thread = Arc::new(Thread::default());
        WATCHER.lock().push(Arc::clone(&thread));
        Some(Self(thread))
    }
}

impl Drop for Registered {
    fn drop(&mut self) {
        WATCHER.lock().retain(|it| !Arc::ptr_eq(it, &self.0));
    }
}

impl Thread {
    fn begin(&self) {
        self.runtime.get_or_init(|| Handle::try_current().ok());
        self.count_poll();
        STATE.set(State::Polling);
        if WATCHER.is_asleep.load(Ordering::Relaxed) {
            WATCHER.rouse();
        }
    }

    fn end(&self) {
        self.count_poll();
        if STATE.replace(State::Free) == State::Holding {
            while let Some(waker) = self.next_woken() {
                waker.wake();
            }
        }
    }

    /// A poll begins or ends. Only this thread counts.
    fn count_poll(&self) {
        let polls = self.polls.load(Ordering::Relaxed);
        self.polls.store(polls + 1, Ordering::Release);
    }

    /// Wakes a task once the handler's poll has ended or lasts.
    fn hold(&self, waker: Waker) {
        STATE.set(State::Holding);
        let mut held = self.lock();
        held.woken.push_back(waker);
        let is_long = held.long == self.polls.load(Ordering::Relaxed);
        drop(held);
        if is_long {
            WATCHER.unpark();
        }
    }

    #[inline(never)]
    fn forget(&self, yielding: u64) {
        let waker = self.lock().yielded.remove(&yielding);
        drop(waker);
    }

    fn next_woken(&self) -> Option<Waker> {
        self.lock().woken.pop_front()
    }

    /// Wakes what is held up by a poll that lasts.
    fn relieve(&self, poll: u64) {
        let mut held = self.lock();
        let is_first = held.long != poll;
        held.long = poll;
        let woken = mem::take(&mut held.woken);
        let yielded = mem::take(&mut held.yielded);
        drop(held);
        if let (true, Some(Some(runtime))) = (is_first, self.runtime.get()) {
            runtime.spawn(async {});
        }
        for waker in yielded.into_values().chain(woken) {
            // It is the user's, and the watcher goes on.
            let _ = catch_unwind(AssertUnwindSafe(|| waker.wake()));
        }
    }

    fn lock(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Watcher {
    #[cold]
    fn rouse(&'static self) {
        if !self.is_asleep.swap(false, Ordering::AcqRel) {
            return;
        }
        if self.thread.get().is_some() {
            return self.unpark();
        }
        let name = "roam-watcher".to_owned();
        let watcher = thread::Builder::new().name(name).spawn(|| self.run());
        // Without it, a handler that computes holds up others.
        if let Ok(watcher) = watcher {
            self.thread.get_or_init(|| watcher.thread().clone());
        }
    }

    fn unpark(&self) {
        if let Some(thread) = self.thread.get() {
            thread.unpark();
        }
    }

    fn run(&self) {
        let mut quiet_looks = 0;
        let mut looked = Instant::now();
        loop {
            if quiet_looks > QUIET_LOOKS {
                thread::park();
            } else {
                thread::park_timeout(LOOK);
            }
            let is_due = looked.elapsed() >= LOOK;
            if is_due {
                looked = Instant::now();
            }
            if self.look(is_due) {
                quiet_looks = 0;
            } else {
                quiet_looks += u32::from(is_due);
            }
            // A handler that has just begun may not have seen it; then the next look sees the handler.
            let is_asleep = quiet_looks >= QUIET_LOOKS;
            self.is_asleep.store(is_asleep, Ordering::Release);
        }
    }

    /// Wakes what polls hold up that lasted since the last look that was due. Returns whether handlers
    /// were polled since.
    fn look(&self, is_due: bool) -> bool {
        let mut is_busy = false;
        let mut long = Vec::new();
        for thread in &*self.lock() {
            let poll = thread.polls.load(Ordering::Acquire);
            let seen = thread.seen.load(Ordering::Relaxed);
            let is_polling = poll % 2 == 1;
            is_busy |= is_polling || poll != seen;
            if is_due {
                thread.seen.store(poll, Ordering::Relaxed);
            }
            if is_polling && poll == seen && (is_due || thread.lock().long == poll) {
                long.push((Arc::clone(thread), poll));
            }
        }
        for (thread, poll) in long {
            thread.relieve(poll);
        }
        is_busy
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Arc<Thread>>> {
        self.threads.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
