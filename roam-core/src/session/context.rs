//! What a handler knows of the call that it answers.

use crate::proto::{ChannelId, ConnectionId, Metadata, MethodId, RequestId};

use super::connection::ConnectionHandle;
use super::deadline::Deadline;
use super::trace;

/// What a handler knows of the call that it answers, beside its arguments.
#[derive(Clone, Debug)]
pub struct Context {
    pub(super) connection: ConnectionHandle,
    pub(super) request: RequestId,
    pub(super) method: MethodId,
    pub(super) metadata: Metadata,
    pub(super) channels: Vec<ChannelId>,
    pub(super) deadline: Option<Deadline>,
}

impl Context {
    /// The connection on which the call came.
    pub fn connection_id(&self) -> ConnectionId {
        self.connection.id()
    }

    /// The connection itself, for calls back to the caller and to notice its end.
    pub fn connection(&self) -> &ConnectionHandle {
        &self.connection
    }

    /// The call's id, unique among those of its connection in flight.
    pub fn request_id(&self) -> RequestId {
        self.request
    }

    /// The method that is called.
    pub fn method(&self) -> MethodId {
        self.method
    }

    /// What the caller sent beside the arguments.
    pub fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// The ids of the channel ends in the arguments, in order.
    pub fn channels(&self) -> &[ChannelId] {
        &self.channels
    }

    /// Until when the caller waits; `None` when it did not say. The handler is stopped when that
    /// has passed. Calls that it makes keep to it by [`child_call`](Self::child_call).
    pub fn deadline(&self) -> Option<Deadline> {
        self.deadline
    }

    /// The trace that the call belongs to: what its metadata says under `traceparent`, when that
    /// is well-formed as W3C's Trace Context has it. The handler's `tracing` span has it as well.
    pub fn traceparent(&self) -> Option<&str> {
        trace::parent(&self.metadata)
    }
}
