//! Calls without types, and what makes them.

use std::future::Future;

use super::deadline::Deadline;
use super::pending::ConnectionCall;
use super::watch::{OutgoingWatch, Watching};
use crate::proto::{Encoded, Metadata, ReceivedPayload};
use crate::rt::{MaybeSend, MaybeSync};
use crate::schema::MethodDescriptor;
use crate::session::channel::{IncomingChannels, OutgoingChannels};
use crate::session::error::CallFailure;
use crate::session::link::ConnectionHandle;

/// Makes calls, such as a connection or a client that reconnects.
pub trait Caller: Clone + MaybeSend + MaybeSync + 'static {
    /// A call in flight. Dropping it cancels the call.
    type Future: Future<Output = Result<Answer, CallFailure>> + MaybeSend + Unpin + 'static;

    /// Makes a call.
    fn call(self, call: OutgoingCall) -> Self::Future;
}

/// A call that is ready to be sent.
#[derive(Debug)]
#[non_exhaustive]
pub struct OutgoingCall {
    /// The method.
    pub method: &'static MethodDescriptor,
    /// Key-value pairs that travel with the arguments.
    pub metadata: Metadata,
    /// The encoded arguments.
    pub payload: Encoded,
    /// Keep the encoded arguments after sending, for a retry.
    pub keeps_payload: bool,
    /// The channel halves in the arguments.
    pub channels: OutgoingChannels,
    /// When the caller stops waiting. The Request carries the time that is left when it is sent.
    pub deadline: Option<Deadline>,
    /// Boxed, since few calls are watched.
    pub(crate) watching: Option<Box<Watching>>,
}

impl OutgoingCall {
    /// Watches how the call is answered, and when its last channel has ended, beside what waits for it.
    ///
    /// For layers of a [`LayeredCaller`](crate::client::LayeredCaller): the answer is seen where the call
    /// leaves the last layer.
    pub fn watch(&mut self) -> OutgoingWatch {
        let watching = self
            .watching
            .get_or_insert_with(|| Box::new(Watching::new()));
        watching.watch()
    }
}

/// The answer to a call, not decoded yet. Dropping it resets the channels it holds.
#[derive(Debug)]
#[non_exhaustive]
pub struct Answer {
    /// Key-value pairs that travel with the result.
    pub metadata: Metadata,
    /// The encoded outcome.
    pub payload: ReceivedPayload,
    /// The channels in the result.
    pub channels: IncomingChannels,
}

impl Caller for ConnectionHandle {
    type Future = ConnectionCall;

    fn call(self, call: OutgoingCall) -> ConnectionCall {
        ConnectionCall::new(self, call)
    }
}
