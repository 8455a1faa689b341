//! What runs a link: it carries frames between a transport and the machine.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;

use crate::proto::{CloseReason, Config, Framing, Link, Role};
use crate::rt::{self, Clock, Sleep, Stopwatch};
use crate::transport::{ClosedSilently, Transport, TransportError};

use super::busy_poll::BusyPoll;
use super::connection::ConnectionHandle;
use super::dispatch::ServiceDispatcher;
use super::error::ConnectError;
use super::shared::{Shared, Transmit};
use super::todo::{Todo, Woken};

/// Opens a link over a transport that we connected. Nothing happens before the driver is run.
///
/// ```
/// use roam_core::{Config, NoDispatcher, accept, connect};
/// use roam_core::proto::Framing;
/// use roam_core::transport::memory_pair;
///
/// # tokio::runtime::Runtime::new().unwrap().block_on(async {
/// let (ours, theirs) = memory_pair(Framing::Packed);
/// let (client, driver) = connect(ours, NoDispatcher, &Config::client());
/// tokio::spawn(driver);
/// let (server, driver) = accept(theirs, NoDispatcher, &Config::default());
/// tokio::spawn(driver);
///
/// assert_eq!(client.ready().await?.max_payload_size, 1 << 20);
/// client.close("that was all");
/// assert_eq!(server.closed().await.to_string(), "closed by the peer: that was all");
/// # Ok::<(), roam_core::ConnectError>(())
/// # }).unwrap();
/// ```
pub fn connect<T: Transport>(
    transport: T,
    dispatcher: impl ServiceDispatcher,
    config: &Config,
) -> (ConnectionHandle, Driver<T>) {
    establish(Role::Initiator, transport, dispatcher, config)
}

/// Opens a link over a transport that we accepted; see [`connect`]. The link goes on until either
/// side closes it, also when the handle is dropped.
pub fn accept<T: Transport>(
    transport: T,
    dispatcher: impl ServiceDispatcher,
    config: &Config,
) -> (ConnectionHandle, Driver<T>) {
    establish(Role::Acceptor, transport, dispatcher, config)
}

/// Opens a link over a transport that we connected, runs it in the background, and waits until
/// the handshake is done.
pub async fn initiate<T: Transport>(
    transport: T,
    dispatcher: impl ServiceDispatcher,
    config: &Config,
) -> Result<ConnectionHandle, ConnectError> {
    let (handle, driver) = connect(transport, dispatcher, config);
    rt::spawn(async move {
        driver.await;
    });
    handle.ready().await?;
    Ok(handle)
}

fn establish<T: Transport>(
    role: Role,
    transport: T,
    dispatcher: impl ServiceDispatcher,
    config: &Config,
) -> (ConnectionHandle, Driver<T>) {
    let handle = open(role, transport.framing(), dispatcher, config);
    let driver = Driver::new(transport, &handle, role);
    (handle, driver)
}

/// A link that nothing drives yet.
fn open(
    role: Role,
    framing: Framing,
    dispatcher: impl ServiceDispatcher,
    config: &Config,
) -> ConnectionHandle {
    let clock = Clock::start();
    let link = Link::new(role, framing, config, clock.now());
    ConnectionHandle::new(link, Arc::new(dispatcher), clock)
}

/// Runs a link: a future that carries frames until the link is over, and tells why it ended.
///
/// Dropping it cuts the link.
#[must_use = "a link stands still unless its driver is run"]
pub struct Driver<T> {
    transport: T,
    shared: Arc<Shared>,
    /// Kept for a link that the peer opened, which goes on without other handles.
    handle: Option<ConnectionHandle>,
    timeout: Option<Pin<Box<Sleep>>>,
    /// Until the handshake is done, which has a timeout of its own.
    is_opening: bool,
    /// Set when the link is over: how long the rest may take to be sent.
    linger: Option<Pin<Box<Sleep>>>,
    gathering: Gathering,
    is_over: bool,
    /// What is being taken in: a frame, from that byte on.
    frame: Option<(Bytes, usize)>,
    /// What is to be done when a part of it is.
    todo: Todo,
    /// How many bytes have been taken in since others could run.
    taken_in: usize,
    /// How many tasks that woke.
    woken: Woken,
    /// How many messages had been sent when there was nothing to do last.
    sent: u64,
    stopwatch: Stopwatch,
    busy_poll: BusyPoll,
    phase: Phase,
}

#[derive(Clone, Copy, PartialEq)]
enum Phase {
    Starting,
    Running { unflushed: bool },
    Closing,
    Done,
}

/// Whether others are let run before something is sent.
#[derive(Clone, Copy, PartialEq)]
enum Gathering {
    Not,
    /// They run now, and `queued` messages wait already.
    Now {
        queued: usize,
    },
    /// They have had their turn, before which `queued` messages waited. When they have queued more,
    /// they are likely to go on.
    Done {
        queued: usize,
    },
}

/// How many frames are taken in, at most, before what they caused is sent.
const FRAMES_A_TURN: usize = 32;
/// How many bytes are taken in, or not much more, before others run: what has come is read while it
/// is still in the processor's cache, and before more memory is taken.
const BYTES_A_POLL: usize = 256 * 1024;
/// How many tasks of ours are woken, or not many more, before they run. Each has the next call ready
/// soon, and those that wait are taken over by other threads, for which all is dear that they share
/// with this one.
const WAITERS_A_POLL: usize = 8;
/// The same of handlers. What they answer goes out in one write.
const HANDLERS_A_POLL: usize = 128;
/// How long the rest may take to be sent after the link has ended.
const LINGER: Duration = Duration::from_secs(5);

impl<T: Transport> Driver<T> {
    fn new(transport: T, handle: &ConnectionHandle, role: Role) -> Self {
        Self {
            transport,
            shared: Arc::clone(&handle.users().shared),
            handle: (role == Role::Acceptor).then(|| handle.clone()),
            timeout: None,
            is_opening: true,
            linger: None,
            gathering: Gathering::Not,
            is_over: false,
            frame: None,
            todo: Todo::default(),
            taken_in: 0,
            woken: Woken::default(),
            sent: 0,
            stopwatch: Stopwatch::start(),
            busy_poll: BusyPoll::new(rt::WAKING),
            phase: Phase::Starting,
        }
    }

    fn poll_drive(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), TransportError>> {
        loop {
            match self.phase {
                Phase::Starting => {
                    self.set_timeout();
                    self.phase = Phase::Running { unflushed: false };
                }
                Phase::Running { .. } => {
                    // Others have run since, or so many frames have been taken in that nobody is
                    // waited for any longer: a peer that goes on sending is to hold nothing back.
                    if let Gathering::Now { queued } = self.gathering {
                        self.gathering = Gathering::Done { queued };
                    }
                    let received = self.poll_receive(cx);
                    let is_pending = received.is_pending();
                    // While a frame is being taken in, nothing but a batch is sent.
                    if self.frame.is_none() || self.shared.has_batch() {
                        self.poll_rest(received, cx)?;
                    }
                    if is_pending && matches!(self.phase, Phase::Running { .. }) {
                        if !self.goes_on(cx) {
                            self.todo.release();
                        }
                        return Poll::Pending;
                    }
                }
                Phase::Closing => {
                    if self.poll_linger(cx).is_pending() {
                        ready!(self.transport.poll_close(cx))?;
                    }
                    self.phase = Phase::Done;
                }
                Phase::Done => return Poll::Ready(Ok(())),
            }
        }
    }

    /// What there is to do beside receiving, of which is told what came of it.
    fn poll_rest(
        &mut self,
        received: Poll<Result<(), TransportError>>,
        cx: &mut Context<'_>,
    ) -> Result<(), TransportError> {
        self.poll_timeout(cx);
        let sent = self.poll_send_after(&received, cx);
        if let Poll::Ready(received) = received {
            received?;
        }
        if sent.is_err() {
            self.take_in_the_rest(cx);
        }
        sent?;
        if self.phase != Phase::Closing && self.poll_linger(cx).is_ready() {
            self.phase = Phase::Done;
        }
        Ok(())
    }

    fn set_timeout(&mut self) {
        self.timeout = self
            .shared
            .timeout()
            .map(|limit| Box::pin(rt::sleep(limit)));
    }

    fn poll_timeout(&mut self, cx: &mut Context<'_>) {
        while let Some(sleep) = &mut self.timeout {
            if sleep.as_mut().poll(cx).is_pending() {
                return;
            }
            self.shared.handle_timeout();
            // Set once more when the timer was ahead of the clock.
            self.set_timeout();
        }
    }

    /// Sends what is ready. When nothing can be received any more it is the last chance to.
    fn poll_send_after(
        &mut self,
        received: &Poll<Result<(), TransportError>>,
        cx: &mut Context<'_>,
    ) -> Result<(), TransportError> {
        if matches!(received, Poll::Ready(Err(_))) {
            self.gathering = Gathering::Done { queued: usize::MAX };
        }
        self.poll_send(cx)
    }

    /// Sends what is ready and flushes once.
    fn poll_send(&mut self, cx: &mut Context<'_>) -> Result<(), TransportError> {
        let Phase::Running { unflushed } = &mut self.phase else {
            return Ok(());
        };
        loop {
            let gathered = match self.gathering {
                Gathering::Not => None,
                Gathering::Now { .. } => break,
                Gathering::Done { queued } => Some(queued),
            };
            if !self.transport.poll_ready(cx)?.is_ready() {
                self.is_over = self.shared.sleep_until_end(cx);
                break;
            }
            match self.shared.poll_transmit(cx, gathered) {
                Transmit::Frame(frame) => {
                    self.transport.start_send(frame)?;
                    *unflushed = true;
                }
                Transmit::Last(frame) => {
                    self.transport.start_send(frame)?;
                    *unflushed = true;
                    self.gathering = Gathering::Not;
                    break;
                }
                Transmit::Gather { queued } => {
                    self.gathering = Gathering::Now { queued };
                    rt::wake_after_others(cx);
                }
                Transmit::Sleep => {
                    self.gathering = Gathering::Not;
                    break;
                }
                Transmit::Over => {
                    self.is_over = true;
                    self.phase = Phase::Closing;
                    return Ok(());
                }
            }
        }
        if *unflushed && self.transport.poll_flush(cx)?.is_ready() {
            *unflushed = false;
        }
        Ok(())
    }

    /// Takes in what is there, until that has caused a batch to be sent. Pending when there is
    /// nothing more, or others are to run first. When the link is over, all that counts is that the
    /// peer is not kept from reading.
    fn poll_receive(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), TransportError>> {
        for _ in 0..FRAMES_A_TURN {
            if self.frame.is_none() {
                match ready!(self.transport.poll_receive(cx)) {
                    Ok(Some(frame)) => self.came(frame),
                    _ if self.linger.is_some() => return Poll::Pending,
                    Ok(None) => return Poll::Ready(Err(TransportError::lost(ClosedSilently))),
                    Err(TransportError::Violation(violation)) => {
                        self.shared.violated(violation);
                        return Poll::Ready(Ok(()));
                    }
                    Err(lost) => return Poll::Ready(Err(lost)),
                }
            }
            while self.frame.is_some() {
                if self.taken_in >= BYTES_A_POLL || self.has_woken_many() {
                    return Poll::Pending;
                }
                self.take_in();
            }
            if self.shared.has_batch() {
                break;
            }
        }
        Poll::Ready(Ok(()))
    }

    fn has_woken_many(&self) -> bool {
        self.woken.waiters >= WAITERS_A_POLL || self.woken.handlers >= HANDLERS_A_POLL
    }

    /// Nothing can be received, or others are to run first. Has it go on behind them when there is
    /// more of a frame, or something to send, or more is to come soon; tells whether it does.
    fn goes_on(&mut self, cx: &mut Context<'_>) -> bool {
        if self.frame.is_some() {
            self.go_on_behind_others(cx);
            return true;
        }
        if self.gathering != Gathering::Not {
            return matches!(self.gathering, Gathering::Now { .. });
        }
        let Self { shared, sent, .. } = self;
        let is_busy = || shared.is_busy(sent);
        let looks_again =
            self.linger.is_none() && self.busy_poll.keep(|| self.stopwatch.now(), is_busy);
        if looks_again {
            self.shared.stay_awake();
            rt::wake_after_others(cx);
        }
        looks_again
    }

    /// Goes on behind those that were woken.
    fn go_on_behind_others(&mut self, cx: &mut Context<'_>) {
        if self.has_woken_many() {
            // Without looking for events of the system first.
            cx.waker().wake_by_ref();
        } else {
            rt::wake_after_others(cx);
        }
    }

    fn came(&mut self, frame: Bytes) {
        self.busy_poll.end(|| self.stopwatch.now());
        self.frame = Some((frame, 0));
    }

    /// Takes in a part of the frame that came.
    fn take_in(&mut self) {
        let Some((frame, from)) = &mut self.frame else {
            return;
        };
        let received = self.shared.receive(frame, *from, &mut self.todo);
        self.taken_in += received.to - *from;
        self.woken += received.woken;
        *from = received.to;
        if *from == frame.len() {
            self.frame = None;
        }
        if self.is_opening && self.shared.has_agreed() {
            self.is_opening = false;
            self.set_timeout();
        }
    }

    /// The peer takes nothing any more, but what it has sent before still counts: it may well have
    /// said why.
    fn take_in_the_rest(&mut self, cx: &mut Context<'_>) {
        loop {
            while self.frame.is_some() {
                self.take_in();
            }
            let Poll::Ready(Ok(Some(frame))) = self.transport.poll_receive(cx) else {
                return;
            };
            self.came(frame);
        }
    }

    /// Ready when the link has been over for as long as the rest may take to be sent: a peer that
    /// does not read must not hold it for ever.
    fn poll_linger(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.linger.is_none() && self.is_over {
            self.linger = Some(Box::pin(rt::sleep(LINGER)));
        }
        match &mut self.linger {
            Some(sleep) => sleep.as_mut().poll(cx),
            None => Poll::Pending,
        }
    }
}

impl<T: Transport> Future for Driver<T> {
    type Output = CloseReason;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<CloseReason> {
        let this = self.get_mut();
        (this.taken_in, this.woken) = (0, Woken::default());
        if let Err(error) = ready!(this.poll_drive(cx)) {
            this.phase = Phase::Done;
            this.shared.lost(error.into_cause());
        }
        this.handle = None;
        let over = || CloseReason::Local("".into());
        Poll::Ready(this.shared.close_reason().unwrap_or_else(over))
    }
}

impl<T> Drop for Driver<T> {
    fn drop(&mut self) {
        // Without effect when the link is over.
        self.shared.lost(Arc::new(DriverDropped));
    }
}

/// The driver of a link was dropped before the link was over.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the link's driver was dropped")]
struct DriverDropped;

impl<T> std::fmt::Debug for Driver<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Driver").finish_non_exhaustive()
    }
}
