//! What a handler knows of the call that it answers.

use std::time::Duration;

use crate::proto::{ChannelId, ConnectionId, Metadata, MethodId, RequestId};
use crate::rt::Clock;

use super::connection::ConnectionHandle;

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

/// A moment until which something waits.
#[derive(Clone, Copy, Debug)]
pub(super) struct Deadline {
    clock: Clock,
    limit: Duration,
}

impl Deadline {
    pub(super) fn after(limit: Duration) -> Self {
        Self {
            clock: Clock::start(),
            limit,
        }
    }

    pub(super) fn remaining(&self) -> Duration {
        self.limit.saturating_sub(self.clock.now())
    }
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

    /// How long the caller still waits; `None` when it did not say. The handler is stopped when
    /// that has passed.
    pub fn time_left(&self) -> Option<Duration> {
        self.deadline.map(|deadline| deadline.remaining())
    }
}
