//! Typed receiving halves.

use std::fmt;
use std::future::poll_fn;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use futures::Stream;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de, ser};

use super::receiver::RawReceiver;
use super::sets::RawHalf;
use super::{context, places};
use crate::schema::{self, Schema, Type, TypeIndex, Types};
use crate::session::codec;
use crate::session::error::RecvError;

/// The receiving half of a channel.
///
/// Dropping it resets the channel: its sender's next send fails.
pub struct Rx<T> {
    /// `None` once the half was sent to the peer. The lock is for `Serialize`, which has only a
    /// shared reference; nobody ever waits for it.
    raw: Mutex<Option<RawReceiver>>,
    element: PhantomData<fn() -> T>,
}

impl<T> Rx<T> {
    pub(super) fn new(raw: RawReceiver) -> Self {
        Self {
            raw: Mutex::new(Some(raw)),
            element: PhantomData,
        }
    }

    /// Waits until the channel ends without being closed, which may be long before the reader
    /// learns of it: for readers that are busy with what they have read. Never ready on a channel
    /// that was closed.
    ///
    /// Cancel safe.
    pub async fn failed(&mut self) -> RecvError {
        poll_fn(|cx| match self.raw() {
            Some(receiver) => receiver.poll_failed(cx).map(RecvError::from),
            None => Poll::Ready(RecvError::Moved),
        })
        .await
    }

    fn raw(&mut self) -> &mut Option<RawReceiver> {
        self.raw.get_mut().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T: DeserializeOwned> Rx<T> {
    /// Receives the next element. `None` is the clean end.
    ///
    /// Cancel safe: no element is lost.
    ///
    /// # Errors
    /// When the channel ended without being closed, after all elements that had arrived in order.
    pub async fn recv(&mut self) -> Result<Option<T>, RecvError> {
        poll_fn(|cx| self.poll_recv(cx)).await
    }

    /// Polls for the next element; see [`recv`](Self::recv).
    pub fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<T>, RecvError>> {
        let receiver = self.raw().as_mut().ok_or(RecvError::Moved)?;
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

    /// Like [`recv`](Rx::recv). The stream ends after an error.
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

impl<T> Serialize for Rx<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let take = || {
            let mut raw = self.raw.lock().unwrap_or_else(PoisonError::into_inner);
            raw.take().map(RawHalf::Receiver)
        };
        context::collect(take).map_err(ser::Error::custom)?;
        serializer.serialize_bytes(places::mark())
    }
}

impl<'de, T> Deserialize<'de> for Rx<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        u64::deserialize(deserializer)?;
        let receiver = context::take_receiver().map_err(de::Error::custom)?;
        Ok(Self::new(receiver))
    }
}

impl<T: Schema> Schema for Rx<T> {
    type Parts = schema::Channel<T>;

    fn describe(types: &mut Types) -> TypeIndex {
        types.define::<Self>(|types| Type::Rx(types.index_of::<T>()))
    }
}

impl<T> fmt::Debug for Rx<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rx").finish_non_exhaustive()
    }
}
