//! Typed channels: what a user sends and receives.

use std::borrow::Borrow;
use std::cell::Cell;
use std::fmt;
use std::future::poll_fn;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use futures::{Sink, Stream};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de, ser};

use crate::rt;
use crate::schema::{self, Schema, Type, TypeIndex, Types};

use super::binder::{self, RawEnd};
use super::codec;
use super::error::{Cut, RecvError, SendError};
use super::pair::{RawReceiver, RawSender, pump, raw_channel};

/// Makes a channel: what is sent on one end is received from the other, in order.
///
/// Either end can be sent to the peer, in the arguments or in the result of a call, at any depth
/// of them. What was sent before is not lost. While both ends are here, the channel works locally,
/// with a window of 256 KiB.
///
/// ```
/// # futures::executor::block_on(async {
/// let (tx, mut rx) = roam_core::channel::<u32>();
/// tx.send(1).await?;
/// drop(tx);
/// assert_eq!(rx.recv().await?, Some(1));
/// assert_eq!(rx.recv().await?, None);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
pub fn channel<T>() -> (Tx<T>, Rx<T>) {
    let (sender, receiver) = raw_channel();
    (Tx::new(sender), Rx::new(receiver))
}

/// The sending end of a channel.
///
/// Dropping it closes the channel: its reader sees a clean end. As a [`Sink`] it holds one element
/// that waits for credit; flush it before dropping.
pub struct Tx<T> {
    raw: Mutex<Option<RawSender>>,
    /// An element that the `Sink` took and that waits for credit.
    waiting: Option<Vec<u8>>,
    element: PhantomData<fn(T)>,
}

/// The receiving end of a channel.
///
/// Dropping it cuts the channel: its sender's next send fails.
pub struct Rx<T> {
    raw: Mutex<Option<RawReceiver>>,
    element: PhantomData<fn() -> T>,
}

impl<T> Tx<T> {
    pub(super) fn new(raw: RawSender) -> Self {
        Self { raw: Mutex::new(Some(raw)), waiting: None, element: PhantomData }
    }

    /// Ends the channel cleanly: its reader sees the end after all that was sent. Dropping does
    /// the same.
    pub fn close(self) {
        drop(self);
    }

    /// Cuts the channel: its reader sees an error instead of a clean end.
    pub fn reset(self) {
        if let Some(raw) = self.lock().take() {
            raw.cut(Cut::Reset);
        }
    }

    /// How many bytes of what was sent the reader has surely consumed; `None` while the channel
    /// is local or when it is over.
    pub fn consumed(&self) -> Option<u64> {
        self.lock().as_ref()?.consumed_by_peer()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<RawSender>> {
        self.raw.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn poll_send_bytes(&self, cx: &mut Context<'_>, element: &[u8]) -> Poll<Result<(), SendError>> {
        let raw = self.lock();
        let raw = raw.as_ref().ok_or(SendError::Moved)?;
        raw.poll_send(cx, element).map_err(SendError::from)
    }

    /// Sends the element that the `Sink` holds.
    fn poll_waiting(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), SendError>> {
        let Some(element) = &self.waiting else { return Poll::Ready(Ok(())) };
        let sent = ready!(self.poll_send_bytes(cx, element));
        self.waiting = None;
        Poll::Ready(sent)
    }
}

impl<T: Serialize> Tx<T> {
    /// Sends an element, as soon as the reader's window has room for it.
    ///
    /// # Errors
    /// [`SendError::TooLarge`] and [`SendError::Encode`] concern this element alone; after any
    /// other the channel is over.
    pub async fn send(&self, value: impl Borrow<T>) -> Result<(), SendError> {
        poll_fn(|cx| with_scratch(|scratch| {
            let element = codec::encode_into(value.borrow(), scratch)?;
            let sent = self.poll_send_bytes(cx, &element);
            Ok((sent, element))
        }))
        .await
    }
}

thread_local! {
    static SCRATCH: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// Larger buffers are not kept.
const MAX_SCRATCH: usize = 64 * 1024;

/// Runs `send` with an empty buffer, which it gives back, so that an element costs no allocation.
fn with_scratch(
    send: impl FnOnce(Vec<u8>) -> Result<(Poll<Result<(), SendError>>, Vec<u8>), SendError>,
) -> Poll<Result<(), SendError>> {
    let (sent, mut buffer) = send(SCRATCH.take())?;
    if buffer.capacity() <= MAX_SCRATCH {
        buffer.clear();
        SCRATCH.set(buffer);
    }
    sent
}

impl<T> Rx<T> {
    pub(super) fn new(raw: RawReceiver) -> Self {
        Self { raw: Mutex::new(Some(raw)), element: PhantomData }
    }

    fn raw(&mut self) -> &mut Option<RawReceiver> {
        self.raw.get_mut().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T: DeserializeOwned> Rx<T> {
    /// The next element; `None` is the clean end.
    ///
    /// Safe to drop before it is ready: no element is lost.
    ///
    /// # Errors
    /// When the channel ended other than cleanly, after all that had arrived in order.
    pub async fn recv(&mut self) -> Result<Option<T>, RecvError> {
        poll_fn(|cx| self.poll_recv(cx)).await
    }

    /// Polls for the next element; see [`recv`](Self::recv).
    pub fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<T>, RecvError>> {
        let raw = self.raw();
        let receiver = raw.as_mut().ok_or(RecvError::Moved)?;
        match ready!(receiver.poll_next(cx, codec::decode))? {
            None => Poll::Ready(Ok(None)),
            Some(Ok(value)) => Poll::Ready(Ok(Some(value))),
            Some(Err(error)) => {
                receiver.fail();
                Poll::Ready(Err(error.into()))
            }
        }
    }
}

impl<T: DeserializeOwned> Stream for Rx<T> {
    type Item = Result<T, RecvError>;

    /// Like [`recv`](Rx::recv); after an error the stream ends.
    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        if this.raw().is_none() {
            return Poll::Ready(None);
        }
        let next = ready!(this.poll_recv(cx));
        if next.is_err() {
            this.raw().take();
        }
        Poll::Ready(next.transpose())
    }
}

impl<T: Serialize> Sink<T> for Tx<T> {
    type Error = SendError;

    fn poll_ready(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), SendError>> {
        self.get_mut().poll_waiting(cx)
    }

    fn start_send(self: Pin<&mut Self>, value: T) -> Result<(), SendError> {
        self.get_mut().waiting = Some(codec::encode_into(&value, Vec::new())?);
        Ok(())
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), SendError>> {
        self.get_mut().poll_waiting(cx)
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), SendError>> {
        let this = self.get_mut();
        ready!(this.poll_waiting(cx))?;
        let raw = this.lock().take();
        drop(raw);
        Poll::Ready(Ok(()))
    }
}

/// An end that is connected to a peer already is passed on through a new channel and a task that
/// carries elements over, with the backpressure of both.
impl<T> Serialize for Tx<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let raw = self.lock().take().ok_or_else(|| ser::Error::custom(SendError::Moved))?;
        let end = if raw.is_on_wire() {
            let (sender, receiver) = raw_channel();
            rt::spawn(pump(receiver, raw));
            sender
        } else {
            raw
        };
        give(RawEnd::Sender(end), serializer)
    }
}

impl<T> Serialize for Rx<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let raw = self.raw.lock().unwrap_or_else(PoisonError::into_inner).take();
        let raw = raw.ok_or_else(|| ser::Error::custom(RecvError::Moved))?;
        let end = if raw.is_on_wire() {
            let (sender, receiver) = raw_channel();
            rt::spawn(pump(raw, sender));
            receiver
        } else {
            raw
        };
        give(RawEnd::Receiver(end), serializer)
    }
}

/// The id inside a payload counts for nothing; the list beside it does.
const NO_ID: u64 = 0;

fn give<S: Serializer>(end: RawEnd, serializer: S) -> Result<S::Ok, S::Error> {
    binder::collect(end).map_err(|_| ser::Error::custom(OUTSIDE))?;
    serializer.serialize_u64(NO_ID)
}

const OUTSIDE: &str = "a channel end travels only in the arguments or the result of a call";

impl<'de, T> Deserialize<'de> for Tx<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        u64::deserialize(deserializer)?;
        binder::take_sender().map(Self::new).ok_or_else(|| de::Error::custom(OUTSIDE))
    }
}

impl<'de, T> Deserialize<'de> for Rx<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        u64::deserialize(deserializer)?;
        binder::take_receiver().map(Self::new).ok_or_else(|| de::Error::custom(OUTSIDE))
    }
}

impl<T: Schema> Schema for Tx<T> {
    type Parts = schema::Channel<T>;

    fn describe(types: &mut Types) -> TypeIndex {
        types.define::<Self>(|types| Type::Tx(types.index_of::<T>()))
    }
}

impl<T: Schema> Schema for Rx<T> {
    type Parts = schema::Channel<T>;

    fn describe(types: &mut Types) -> TypeIndex {
        types.define::<Self>(|types| Type::Rx(types.index_of::<T>()))
    }
}

impl<T> fmt::Debug for Tx<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tx").finish_non_exhaustive()
    }
}

impl<T> fmt::Debug for Rx<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rx").finish_non_exhaustive()
    }
}
