//! The two ends of a channel without their type: together in memory, or one of them on a link.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::{Context, Poll, Waker, ready};

use crate::proto::{ElementQueue, Link};

use super::binder;
use super::error::Cut;
use super::shared::Todo;
use super::wire::Wire;

/// What the two ends share while both are here, and through which the one that stays finds the
/// link when the other has been sent to the peer.
#[derive(Debug, Default)]
pub(super) struct Pair {
    wire: OnceLock<Wire>,
    local: Mutex<Local>,
}

#[derive(Debug, Default)]
struct Local {
    queue: ElementQueue,
    /// The sender is gone: cleanly, or not.
    finished: Option<Result<(), Cut>>,
    receiver_gone: bool,
    /// Who waits: to send, and to receive.
    senders: Vec<Waker>,
    receiver: Option<Waker>,
}

/// What waits in a channel whose ends are both here before its sender has to, in bytes.
const LOCAL_WINDOW: usize = 256 * 1024;

/// A sending end.
#[derive(Debug)]
pub(crate) struct RawSender {
    pair: Arc<Pair>,
    /// Sent to the peer: dropping it ends nothing.
    moved: bool,
}

/// A receiving end.
#[derive(Debug)]
pub(crate) struct RawReceiver {
    pair: Arc<Pair>,
    batch: ElementQueue,
    /// Whether the batch came over the link, and so is to be reported when consumed.
    from_wire: bool,
    unreported: u32,
    report_after: u32,
    end: Option<Result<(), Cut>>,
}

pub(super) fn raw_channel() -> (RawSender, RawReceiver) {
    let pair = Arc::new(Pair::default());
    (RawSender { pair: Arc::clone(&pair), moved: false }, RawReceiver::new(pair))
}

impl Pair {
    fn on_wire(wire: Wire) -> Arc<Self> {
        Arc::new(Self { wire: OnceLock::from(wire), local: Mutex::default() })
    }

    fn local(&self) -> MutexGuard<'_, Local> {
        self.local.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs `act` on what is local, unless the pair is on a link.
    fn unless_on_wire<R>(&self, act: impl FnOnce(&mut Local) -> R) -> Result<R, &Wire> {
        if let Some(wire) = self.wire.get() {
            return Err(wire);
        }
        let mut local = self.local();
        // It may have been put on a link in between.
        match self.wire.get() {
            Some(wire) => Err(wire),
            None => Ok(act(&mut local)),
        }
    }
}

impl Local {
    fn wake_all(&mut self) -> Vec<Waker> {
        let mut waiting = std::mem::take(&mut self.senders);
        waiting.extend(self.receiver.take());
        waiting
    }

    fn poll_send(&mut self, cx: &mut Context<'_>, element: &[u8]) -> Poll<Result<Option<Waker>, Cut>> {
        if self.receiver_gone {
            return Poll::Ready(Err(Cut::Reset));
        }
        if element.len() > LOCAL_WINDOW / 2 {
            return Poll::Ready(Err(Cut::TooLarge { len: element.len(), max: LOCAL_WINDOW / 2 }));
        }
        if self.queue.bytes() + element.len() > LOCAL_WINDOW {
            self.senders.push(cx.waker().clone());
            return Poll::Pending;
        }
        self.queue.push(element);
        Poll::Ready(Ok(self.receiver.take()))
    }

    fn poll_receive(&mut self, cx: &mut Context<'_>) -> Poll<Result<ElementQueue, Result<(), Cut>>> {
        if !self.queue.is_empty() {
            return Poll::Ready(Ok(std::mem::take(&mut self.queue)));
        }
        if let Some(finished) = &self.finished {
            return Poll::Ready(Err(finished.clone()));
        }
        self.receiver = Some(cx.waker().clone());
        Poll::Pending
    }
}

fn wake(waiting: impl IntoIterator<Item = Waker>) {
    for waker in waiting {
        waker.wake();
    }
}

impl RawSender {
    pub(super) fn on_wire(wire: Wire) -> Self {
        Self { pair: Pair::on_wire(wire), moved: false }
    }

    pub(super) fn poll_send(&self, cx: &mut Context<'_>, element: &[u8]) -> Poll<Result<(), Cut>> {
        match self.pair.unless_on_wire(|local| local.poll_send(cx, element)) {
            Ok(sent) => {
                wake(ready!(sent)?);
                Poll::Ready(Ok(()))
            }
            Err(wire) => wire.poll_send(cx, element),
        }
    }

    pub(super) fn consumed_by_peer(&self) -> Option<u64> {
        self.pair.wire.get()?.consumed_by_peer()
    }

    pub(super) fn is_on_wire(&self) -> bool {
        self.pair.wire.get().is_some()
    }

    /// Ends the channel other than cleanly.
    pub(super) fn cut(self, cut: Cut) {
        self.end(Err(cut));
    }

    fn end(&self, end: Result<(), Cut>) {
        let clean = end.is_ok();
        let ended = self.pair.unless_on_wire(|local| {
            local.finished.get_or_insert(end);
            local.receiver.take()
        });
        match ended {
            Ok(waiting) => wake(waiting),
            Err(wire) if clean => wire.finish(),
            Err(wire) => wire.reset(),
        }
    }

    /// This end goes to the peer, and the other, which stays, receives from `wire`.
    pub(super) fn put_on_wire(mut self, link: &mut Link, wire: Wire, todo: &mut Todo) {
        self.moved = true;
        let mut local = self.pair.local();
        if local.receiver_gone {
            link.reset(wire.connection.id(), wire.channel);
        }
        self.pair.wire.get_or_init(|| wire);
        todo.wake(local.wake_all());
    }
}

impl Drop for RawSender {
    fn drop(&mut self) {
        if self.moved {
            return;
        }
        // A sender that a panic or a value that does not decode takes down has not said its last
        // word: its reader must not take that for the end.
        let clean = !std::thread::panicking() && !binder::is_decoding();
        self.end(if clean { Ok(()) } else { Err(Cut::Reset) });
    }
}

impl RawReceiver {
    fn new(pair: Arc<Pair>) -> Self {
        Self {
            pair,
            batch: ElementQueue::new(),
            from_wire: false,
            unreported: 0,
            report_after: u32::MAX,
            end: None,
        }
    }

    pub(super) fn on_wire(wire: Wire) -> Self {
        Self::new(Pair::on_wire(wire))
    }

    /// Hands the next element to `read`; `Ok(None)` is the clean end.
    #[inline]
    pub(super) fn poll_next<R>(
        &mut self,
        cx: &mut Context<'_>,
        read: impl FnOnce(&[u8]) -> R,
    ) -> Poll<Result<Option<R>, Cut>> {
        if self.batch.is_empty() {
            if let Some(end) = &self.end {
                return Poll::Ready(end.clone().map(|()| None));
            }
            if let Err(end) = ready!(self.poll_fill(cx)) {
                self.end = Some(end.clone());
                return Poll::Ready(end.map(|()| None));
            }
        }
        let taken = self.batch.pop(|element| (read(element), element.len()));
        Poll::Ready(Ok(taken.map(|(value, len)| {
            self.consume(len);
            value
        })))
    }

    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Result<(), Cut>>> {
        let taken = self.pair.unless_on_wire(|local| {
            local.poll_receive(cx).map_ok(|queue| (queue, std::mem::take(&mut local.senders)))
        });
        let wire = match taken {
            Ok(taken) => {
                let (queue, waiting) = ready!(taken)?;
                self.batch = queue;
                wake(waiting);
                return Poll::Ready(Ok(()));
            }
            Err(wire) => wire,
        };
        // What was sent before the other end went to the peer comes first.
        let before = std::mem::take(&mut self.pair.local().queue);
        if !before.is_empty() {
            self.batch = before;
            return Poll::Ready(Ok(()));
        }
        let consumed = std::mem::take(&mut self.unreported);
        match ready!(wire.poll_receive(cx, consumed)) {
            Ok(batch) => {
                self.batch = batch.elements;
                self.report_after = batch.report_after;
                self.from_wire = true;
                Poll::Ready(Ok(()))
            }
            Err(cut) => Poll::Ready(Err(cut.map_or(Ok(()), Err))),
        }
    }

    #[inline]
    fn consume(&mut self, len: usize) {
        if !self.from_wire {
            return;
        }
        // Elements are no longer than a window, which is a `u32`.
        self.unreported = self.unreported.saturating_add(u32::try_from(len).unwrap_or(u32::MAX));
        if self.unreported >= self.report_after
            && let Some(wire) = self.pair.wire.get()
        {
            self.report_after = wire.consume(std::mem::take(&mut self.unreported));
        }
    }

    /// An element does not decode: the channel is cut.
    pub(super) fn fail(&mut self) {
        if let Some(wire) = self.pair.wire.get() {
            wire.reset();
        }
        self.batch = ElementQueue::new();
        self.end = Some(Err(Cut::Reset));
    }

    pub(super) fn is_on_wire(&self) -> bool {
        self.pair.wire.get().is_some()
    }

    /// This end goes to the peer, and the other, which stays, sends on `wire`. What it has sent
    /// before goes first.
    pub(super) fn put_on_wire(mut self, link: &mut Link, wire: Wire, todo: &mut Todo) {
        let (id, channel) = (wire.connection.id(), wire.channel);
        // Dropping it ends nothing any more.
        self.end = Some(Ok(()));
        let mut local = self.pair.local();
        let later = std::mem::take(&mut local.queue);
        let mut fits = true;
        for queue in [&mut self.batch, &mut { later }] {
            while let Some(queued) = queue.pop(|element| link.queue(id, channel, element)) {
                fits &= queued.is_ok();
            }
        }
        match &local.finished {
            _ if !fits => link.reset(id, channel),
            Some(Ok(())) => link.finish(id, channel),
            Some(Err(_)) => link.reset(id, channel),
            None => {}
        }
        self.pair.wire.get_or_init(|| wire);
        todo.wake(local.wake_all());
    }
}

impl Drop for RawReceiver {
    fn drop(&mut self) {
        if self.end.is_some() {
            return;
        }
        let dropped = self.pair.unless_on_wire(|local| {
            local.receiver_gone = true;
            (std::mem::take(&mut local.queue), std::mem::take(&mut local.senders))
        });
        match dropped {
            Ok((_, waiting)) => wake(waiting),
            Err(wire) => wire.reset(),
        }
    }
}

/// Passes everything from one channel on to another, until either ends.
pub(super) async fn pump(mut from: RawReceiver, to: RawSender) {
    let mut element = Vec::new();
    loop {
        let next = std::future::poll_fn(|cx| {
            from.poll_next(cx, |bytes| {
                element.clear();
                element.extend_from_slice(bytes);
            })
        });
        match next.await {
            Ok(Some(())) => {}
            Ok(None) => return,
            Err(cut) => return to.cut(cut),
        }
        if std::future::poll_fn(|cx| to.poll_send(cx, &element)).await.is_err() {
            return;
        }
    }
}
