//! Typed sending halves.

use std::borrow::Borrow;
use std::fmt;
use std::future::poll_fn;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures::Sink;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de, ser};

use super::sender::{Outgoing, RawSender};
use super::sets::RawHalf;
use super::{context, places};
use crate::schema::{self, Schema, Type, TypeIndex, Types};
use crate::session::abort::{aborting, is_aborting};
use crate::session::codec;
use crate::session::error::SendError;
use crate::session::link::wait::WaitGuard;

/// The sending half of a channel.
///
/// Dropping it closes the channel: its reader sees a clean end. When it is dropped by a panic or
/// with an aborted handler, its reader sees an error.
///
/// As a [`Sink`] it holds one element that waits for credit. That element is still sent when the
/// sink is dropped. Closing the sink fails if the channel has already ended in another way.
pub struct Tx<T> {
    raw: RawSender,
    /// The element that the `Sink` holds.
    outgoing: Outgoing,
    element: PhantomData<fn(T)>,
}

impl<T> Tx<T> {
    pub(super) fn new(raw: RawSender) -> Self {
        Self {
            raw,
            outgoing: Outgoing::default(),
            element: PhantomData,
        }
    }

    /// Closes the channel: its reader sees a clean end after all elements. Dropping does the same.
    /// Closing it as a [`Sink`] tells whether the channel had already ended, for example with its link.
    pub fn close(self) {
        drop(self);
    }

    /// Resets the channel: its reader sees an error instead of a clean end.
    pub fn reset(self) {
        aborting(|| drop(self));
    }

    /// Waits until nobody reads any more: the reader was dropped, or the call or the connection has
    /// ended. Returns the error that sending has from then on.
    ///
    /// Cancel safe.
    pub async fn closed(&self) -> SendError {
        let mut guard = WaitGuard::new(&self.raw);
        let closed = poll_fn(|cx| self.raw.poll_closed(&mut guard.waiter, cx));
        closed.await.into()
    }

    /// Returns how many bytes of elements the reader has certainly consumed; `None` while the
    /// channel is local or once it has ended.
    pub fn consumed(&self) -> Option<u64> {
        self.raw.consumed()
    }
}

impl<T: Serialize> Tx<T> {
    /// Sends an element as soon as the reader's window allows. It is encoded once, at the first
    /// poll.
    ///
    /// The value is borrowed or owned, so that a caller can send the same value again.
    ///
    /// Cancel safe: the element is sent as a whole or not at all.
    ///
    /// # Errors
    /// [`SendError::TooLarge`] and [`SendError::Encode`] concern only this element. After any other
    /// error the channel has ended.
    pub async fn send(&self, value: impl Borrow<T>) -> Result<(), SendError> {
        if self.raw.is_moved() {
            return Err(SendError::Moved);
        }
        let element = codec::encode_into(value.borrow(), codec::buffer())?;
        let mut outgoing = Outgoing::new(element);
        let mut guard = WaitGuard::new(&self.raw);
        let sent = poll_fn(|cx| {
            if self.raw.is_moved() {
                return Poll::Ready(Err(SendError::Moved));
            }
            let sent = outgoing.poll_send(&self.raw, cx);
            guard.waiter = outgoing.waiter;
            sent.map_err(SendError::from)
        });
        sent.await
    }
}

impl<T: Serialize> Sink<T> for Tx<T> {
    type Error = SendError;

    fn poll_ready(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), SendError>> {
        self.poll_flush(cx)
    }

    fn start_send(self: Pin<&mut Self>, value: T) -> Result<(), SendError> {
        let this = self.get_mut();
        if this.raw.is_moved() {
            return Err(SendError::Moved);
        }
        let element = codec::encode_into(&value, codec::buffer())?;
        this.outgoing.set(element);
        Ok(())
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), SendError>> {
        let Self { raw, outgoing, .. } = self.get_mut();
        outgoing.poll_send(raw, cx).map_err(SendError::from)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), SendError>> {
        ready!(self.as_mut().poll_flush(cx))?;
        let Some(raw) = self.raw.take() else {
            return Poll::Ready(Ok(()));
        };
        let aborted = raw.aborted();
        drop(raw);
        Poll::Ready(aborted.map_or(Ok(()), |abort| Err(abort.into())))
    }
}

impl<T> Drop for Tx<T> {
    fn drop(&mut self) {
        let Self { raw, outgoing, .. } = self;
        if raw.is_moved() {
            return;
        }
        let list = &*raw;
        drop(WaitGuard {
            list,
            waiter: outgoing.waiter,
        });
        if !is_aborting() {
            outgoing.send_later(raw);
        }
    }
}

impl<T> Serialize for Tx<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let take = || self.raw.take().map(RawHalf::Sender);
        context::collect(take).map_err(ser::Error::custom)?;
        self.outgoing.send_later(&self.raw);
        serializer.serialize_bytes(places::mark())
    }
}

impl<'de, T> Deserialize<'de> for Tx<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        u64::deserialize(deserializer)?;
        let sender = context::take_sender().map_err(de::Error::custom)?;
        Ok(Self::new(sender))
    }
}

impl<T: Schema> Schema for Tx<T> {
    type Parts = schema::Channel<T>;

    fn describe(types: &mut Types) -> TypeIndex {
        types.define::<Self>(|types| Type::Tx(types.index_of::<T>()))
    }
}

impl<T> fmt::Debug for Tx<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tx").finish_non_exhaustive()
    }
}
