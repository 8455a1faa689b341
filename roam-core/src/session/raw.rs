//! Calls and channels in bytes, without types.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::call::{Answer, PendingCall};
use super::error::CallFailure;
use super::link::ConnectionHandle;
use crate::proto::{Direction, Metadata, MethodId};

pub use super::channel::{Batch, RemoteChannel};
pub use super::error::ChannelAbort;

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
    /// Sends an encoded call at once, whatever the send buffer's limit.
    ///
    /// `kept` holds the direction of the half that stays here for each channel half in the payload,
    /// in order; those halves are returned.
    pub fn call_raw(
        &self,
        method: MethodId,
        metadata: &Metadata,
        payload: &[u8],
        kept: &[Direction],
    ) -> Result<(RawCall, Vec<RemoteChannel>), CallFailure> {
        let (call, channels) = self.send_encoded(method, metadata, payload, kept.into())?;
        Ok((RawCall(call), channels))
    }
}
