//! Calls and channels in bytes, without types: for bindings to other languages.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use crate::proto::{Direction, Metadata, MethodId, Refused};

use super::call::Answer;
use super::connection::ConnectionHandle;
use super::dispatch::IncomingCall;
use super::error::CallFailure;
use super::pending::PendingCall;

pub use super::error::Cut;
pub use super::wire::{Batch, OpenedEnds, Wire};

/// A call that was sent. Dropping it cancels the call.
#[derive(Debug)]
pub struct RawCall(PendingCall);

impl Future for RawCall {
    type Output = Result<Answer, CallFailure>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(cx)
    }
}

impl ConnectionHandle {
    /// Sends a call at once. `keep` tells for each channel end in the payload, in order, which way
    /// elements go on the end that stays here; those ends are returned.
    pub fn call_raw(
        &self,
        method: MethodId,
        metadata: &Metadata,
        payload: &[u8],
        keep: &[Direction],
    ) -> Result<(RawCall, Vec<Wire>), CallFailure> {
        let (call, channels) = self.start(method, metadata, payload, keep)?;
        Ok((RawCall(call), self.wires(channels)))
    }
}

impl IncomingCall {
    /// Answers the call with an encoded outcome; `keep` as in [`ConnectionHandle::call_raw`].
    ///
    /// # Errors
    /// The call is not answered, and can still be. One that was cancelled in between is
    /// [`Refused::Answered`].
    pub fn respond_raw(
        &mut self,
        metadata: &Metadata,
        payload: &[u8],
        keep: &[Direction],
    ) -> Result<Vec<Wire>, Refused> {
        self.responder().respond_raw(metadata, payload, keep)
    }
}
