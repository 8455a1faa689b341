//! Typed channels: what a user sends and receives.

use std::borrow::Borrow;
use std::fmt;
use std::future::poll_fn;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use futures::{Sink, Stream};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de, ser};

use crate::proto::Encoded;
use crate::schema::{self, Schema, Type, TypeIndex, Types};

use super::binder::{self, RawEnd};
use super::codec::{self, EncodeError};
use super::ends::{RawReceiver, RawSender, raw_channel};
use super::error::{RecvError, SendError};
use super::unfinished::{cutting, is_cutting};
use super::waiters::Ticket;

/// Makes a channel: what is sent on one end is received from the other, in order.
///
/// Either end can be sent to the peer, in the arguments or in the result of a call, at any depth
/// of them. What was sent before is not lost. While both ends are here, the channel works locally,
/// with a window of 256 KiB.
///
/// ```
/// # tokio::runtime::Runtime::new().unwrap().block_on(async {
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
/// Dropping it closes the channel: its reader sees a clean end. When a panic, or the end of a
/// stopped handler, drops it, its reader sees an error.
///
/// As a [`Sink`] it holds one element that waits for the reader; that is still sent when the sink
/// is dropped.
pub struct Tx<T> {
    raw: RawSender,
    /// An element that the `Sink` took, if `is_waiting`.
    waiting: Encoded,
    is_waiting: bool,
    ticket: Option<Ticket>,
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
    fn new(raw: RawSender) -> Self {
        Self {
            raw,
            waiting: Encoded::new(),
            is_waiting: false,
            ticket: None,
            element: PhantomData,
        }
    }

    /// Ends the channel cleanly: its reader sees the end after all that was sent. Dropping does
    /// the same.
    pub fn close(self) {
        drop(self);
    }

    /// Cuts the channel: its reader sees an error instead of a clean end.
    pub fn reset(self) {
        cutting(|| drop(self));
    }

    /// Waits until nobody reads any more: the reader has gone, the call or the connection is over.
    /// It gives the error that sending has from then on.
    pub async fn closed(&self) -> SendError {
        let mut place = Place::new(&self.raw);
        let cut = poll_fn(|cx| place.raw.poll_closed(&mut place.ticket, cx));
        cut.await.into()
    }

    /// How many bytes of what was sent the reader has surely consumed; `None` while the channel
    /// is local or when it is over.
    pub fn consumed(&self) -> Option<u64> {
        self.raw.consumed_by_peer()
    }

    /// Sends the element that the `Sink` holds.
    fn poll_waiting(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), SendError>> {
        if !self.is_waiting {
            return Poll::Ready(Ok(()));
        }
        let waiting = (&mut self.waiting).into();
        let sent = ready!(self.raw.poll_send(&mut self.ticket, cx, waiting));
        self.is_waiting = false;
        Poll::Ready(sent.map_err(SendError::from))
    }

    /// Has the element that the `Sink` holds sent without anybody who waits for it.
    fn send_waiting_later(&self) {
        if self.is_waiting {
            self.raw.send_later(&self.waiting);
        }
    }
}

impl<T> Drop for Tx<T> {
    fn drop(&mut self) {
        if self.raw.is_moved() {
            return;
        }
        if let Some(ticket) = self.ticket {
            self.raw.leave(ticket);
        }
        if !is_cutting() {
            self.send_waiting_later();
        }
    }
}

impl<T: Serialize> Tx<T> {
    /// Sends an element, as soon as the reader's window has room for it.
    ///
    /// # Errors
    /// [`SendError::TooLarge`] and [`SendError::Encode`] concern this element alone; after any
    /// other the channel is over.
    pub async fn send(&self, value: impl Borrow<T>) -> Result<(), SendError> {
        let mut place = Place::new(&self.raw);
        poll_fn(|cx| {
            if self.raw.is_moved() {
                return Poll::Ready(Err(SendError::Moved));
            }
            let sent = with_encoded(value.borrow(), |element| {
                self.raw.poll_send(&mut place.ticket, cx, element.into())
            });
            sent?.map_err(SendError::from)
        })
        .await
    }
}

/// The place of a future among those that wait on a channel. It is given up when the future is
/// dropped.
struct Place<'a> {
    raw: &'a RawSender,
    ticket: Option<Ticket>,
}

impl<'a> Place<'a> {
    fn new(raw: &'a RawSender) -> Self {
        Self { raw, ticket: None }
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket {
            self.raw.leave(ticket);
        }
    }
}

/// Hands `act` an encoded element, in a buffer that is used again.
fn with_encoded<T: Serialize, R>(
    value: &T,
    act: impl FnOnce(&mut Encoded) -> R,
) -> Result<R, EncodeError> {
    let mut element = codec::encode_into(value, &[], codec::buffer())?;
    let result = act(&mut element);
    codec::give_back(element);
    Ok(result)
}

impl<T> Rx<T> {
    fn new(raw: RawReceiver) -> Self {
        Self {
            raw: Mutex::new(Some(raw)),
            element: PhantomData,
        }
    }

    /// Waits until the channel is cut, which may be long before its reader comes to that: for a
    /// reader that is busy with what it has read. A channel that ends cleanly never is.
    pub async fn cut(&mut self) -> RecvError {
        poll_fn(|cx| match self.raw() {
            Some(receiver) => receiver.poll_cut(cx).map(RecvError::from),
            None => Poll::Ready(RecvError::Moved),
        })
        .await
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
        let this = self.get_mut();
        if this.raw.is_moved() {
            return Err(SendError::Moved);
        }
        let mut buffer = std::mem::take(&mut this.waiting);
        buffer.clear();
        this.waiting = codec::encode_into(&value, &[], buffer)?;
        this.is_waiting = true;
        Ok(())
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), SendError>> {
        self.get_mut().poll_waiting(cx)
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), SendError>> {
        let this = self.get_mut();
        ready!(this.poll_waiting(cx))?;
        drop(this.raw.take());
        Poll::Ready(Ok(()))
    }
}

impl<T> Serialize for Tx<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        binder::collect(|| self.raw.take().map(RawEnd::Sender)).map_err(ser::Error::custom)?;
        self.send_waiting_later();
        serializer.serialize_u64(NO_ID)
    }
}

impl<T> Serialize for Rx<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let take = || {
            let mut raw = self.raw.lock().unwrap_or_else(PoisonError::into_inner);
            raw.take().map(RawEnd::Receiver)
        };
        binder::collect(take).map_err(ser::Error::custom)?;
        serializer.serialize_u64(NO_ID)
    }
}

/// The id inside a payload counts for nothing; the list beside it does.
const NO_ID: u64 = 0;

impl<'de, T> Deserialize<'de> for Tx<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        u64::deserialize(deserializer)?;
        binder::take_sender()
            .map(Self::new)
            .map_err(de::Error::custom)
    }
}

impl<'de, T> Deserialize<'de> for Rx<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        u64::deserialize(deserializer)?;
        binder::take_receiver()
            .map(Self::new)
            .map_err(de::Error::custom)
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
