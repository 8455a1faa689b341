//! Virtual connections: opening, accepting, rejecting and ending them.

use alloc::borrow::Cow;
use alloc::format;

use super::Link;
use crate::calls::RequestError;
use crate::connection::Connection;
use crate::event::{CloseReason, Event};
use crate::id_space::{IdAllocator, SeenIds};
use crate::ids::{ConnectionId, RequestId, Role};
use crate::map::IdSet;
use crate::message::{Message, clamp_reason};
use crate::metadata::Metadata;
use crate::outbox::Priority;
use crate::violation::{Rule, Violation};

/// Connections that are being opened, and the connection ids in use so far.
#[derive(Debug)]
pub(super) struct PendingConnections {
    /// Our Connects without an answer.
    pub(super) outgoing: IdSet,
    /// The peer's Connects without an answer.
    pub(super) incoming: IdSet,
    last_request: u64,
    /// Allocates ids for connections that we accept. The peer's ids have the other parity.
    our_ids: IdAllocator,
    role: Role,
    peer_ids: SeenIds,
    /// Connections that the peer opened, until nothing refers to them.
    pub(super) accepted: IdSet,
}

/// Rejects a Connect beyond [`Limits::connections`](crate::Limits::connections).
const TOO_MANY: &str = "too many connections";
/// Rejects a Connect whose id is in use by another one.
const DUPLICATE: &str = "this request id is in flight";
/// Ends a connection that was accepted after its opener gave up.
const NOT_AWAITED: &str = "nobody waits for this connection";
/// Ends a new connection whose id belongs to an ended one with channels that are still held here.
const HELD: &str = "the connection id is not free yet";

impl PendingConnections {
    pub(super) fn new(role: Role) -> Self {
        Self {
            outgoing: IdSet::default(),
            incoming: IdSet::default(),
            last_request: 0,
            our_ids: IdAllocator::new(role),
            role,
            peer_ids: SeenIds::default(),
            accepted: IdSet::default(),
        }
    }

    /// Returns whether a Connect of either peer is unanswered.
    pub(super) fn in_flight(&self) -> bool {
        !self.outgoing.is_empty() || !self.incoming.is_empty()
    }

    /// Returns whether a connection has ever had this id.
    pub(super) fn was_open(&self, id: ConnectionId) -> bool {
        (self.role.owns(id.0) && self.our_ids.was_allocated(id.0)) || self.peer_ids.contains(id.0)
    }
}

/// Input.
impl Link {
    pub(super) fn handle_connect(&mut self, request: RequestId, metadata: Metadata) {
        if self.pending.incoming.contains(&request.0) {
            self.push_reject(request, DUPLICATE, &Metadata::new());
            return;
        }
        let open = self.pending.incoming.len() + self.pending.accepted.len();
        if open >= self.ctx.limits.connections {
            self.push_reject(request, TOO_MANY, &Metadata::new());
            return;
        }
        self.pending.incoming.insert(request.0);
        let event = Event::ConnectRequest { request, metadata };
        self.ctx.events.push_back(event);
    }

    pub(super) fn handle_accept(
        &mut self,
        request: RequestId,
        id: ConnectionId,
        metadata: Metadata,
    ) -> Result<(), Violation> {
        if id == ConnectionId::ROOT || self.others.contains_key(&id.0) {
            return Err(Rule::AcceptConnectionId.because(format!("connection {id}")));
        }
        self.pending.peer_ids.insert(id.0);
        if !self.pending.outgoing.remove(&request.0) {
            self.push_goodbye(id, &CloseReason::Local(NOT_AWAITED.into()));
            return Ok(());
        }
        // The peer may reuse the id of an ended connection. Channels of the old connection that
        // are still held here would then be mistaken for channels of the new one.
        let result = if self.ended.contains_key(&id.0) {
            self.push_goodbye(id, &CloseReason::Local(HELD.into()));
            Err(HELD.into())
        } else {
            let connection = Connection::new(id, self.ctx.role, self.ctx.now);
            self.others.insert(id.0, connection);
            self.ctx.pool.divide(true);
            Ok(id)
        };
        self.ctx.events.push_back(Event::ConnectAnswer {
            request,
            result,
            metadata,
        });
        Ok(())
    }

    pub(super) fn handle_reject(&mut self, request: RequestId, reason: &str, metadata: Metadata) {
        if self.pending.outgoing.remove(&request.0) {
            let result = Err(reason.into());
            self.ctx.events.push_back(Event::ConnectAnswer {
                request,
                result,
                metadata,
            });
        }
    }
}

/// Commands.
impl Link {
    /// Asks the peer for a virtual connection. An [`Event::ConnectAnswer`] follows.
    pub fn open_connection(&mut self, metadata: &Metadata) -> Result<RequestId, RequestError> {
        self.check_open()?;
        metadata.check()?;
        self.pending.last_request += 1;
        let request = RequestId(self.pending.last_request);
        self.pending.outgoing.insert(request.0);
        let connect = Message::Connect {
            request,
            metadata: Cow::Borrowed(metadata),
        };
        self.ctx.outbox.push(Priority::Urgent, &connect);
        Ok(request)
    }

    /// Gives up a Connect of ours. A connection that the peer grants later is ended at once.
    pub fn abandon_open(&mut self, request: RequestId) {
        self.pending.outgoing.remove(&request.0);
    }

    /// Accepts a connection that the peer asked for.
    pub fn accept_connection(
        &mut self,
        request: RequestId,
        metadata: &Metadata,
    ) -> Result<ConnectionId, RequestError> {
        self.check_open()?;
        metadata.check()?;
        if !self.pending.incoming.remove(&request.0) {
            return Err(RequestError::AlreadyAnswered);
        }
        let id = self.allocate_connection_id();
        self.pending.accepted.insert(id.0);
        let connection = Connection::new(id, self.ctx.role, self.ctx.now);
        self.others.insert(id.0, connection);
        self.ctx.pool.divide(true);
        // Counts as a control reply: a peer could ask, guess the id and end the connection, again
        // and again, without ever reading.
        let accept = Message::Accept {
            request,
            connection: id,
            metadata: Cow::Borrowed(metadata),
        };
        self.ctx.outbox.push_control(Priority::Urgent, &accept);
        Ok(id)
    }

    /// Rejects a connection that the peer asked for. Metadata over a limit is left out.
    pub fn reject_connection(&mut self, request: RequestId, reason: &str, metadata: &Metadata) {
        if self.is_open() && self.pending.incoming.remove(&request.0) {
            let none = Metadata::new();
            let metadata = if metadata.check().is_ok() {
                metadata
            } else {
                &none
            };
            self.push_reject(request, reason, metadata);
        }
    }

    /// Closes a connection. Closing the root connection closes the link.
    pub fn close_connection(&mut self, id: ConnectionId, reason: &str) {
        if id == ConnectionId::ROOT {
            self.close(reason);
        } else if self.others.contains_key(&id.0) {
            self.end_with_goodbye(id, CloseReason::Local(clamp_reason(reason).into()));
        }
    }

    pub(super) fn end_with_goodbye(&mut self, id: ConnectionId, reason: CloseReason) {
        self.push_goodbye(id, &reason);
        self.end_connection(id, reason);
    }

    pub(super) fn end_connection(&mut self, id: ConnectionId, reason: CloseReason) {
        let Some(mut connection) = self.others.remove(&id.0) else {
            return;
        };
        self.ctx.pool.divide(!self.others.is_empty());
        connection.end_all(&mut self.ctx, &reason);
        self.ended.insert(id.0, connection);
        self.forget_if_unused(id);
        self.ctx.events.push_back(Event::ConnectionEnded {
            connection: id,
            reason,
        });
    }

    /// Allocates a connection id. The peer may have used any id, even one of ours.
    fn allocate_connection_id(&mut self) -> ConnectionId {
        loop {
            let id = self.pending.our_ids.allocate();
            if !self.others.contains_key(&id) && !self.ended.contains_key(&id) {
                return ConnectionId(id);
            }
        }
    }

    fn push_reject(&mut self, request: RequestId, reason: &str, metadata: &Metadata) {
        let reject = Message::Reject {
            request,
            reason: clamp_reason(reason),
            metadata: Cow::Borrowed(metadata),
        };
        self.ctx.outbox.push_control(Priority::Urgent, &reject);
    }

    fn check_open(&self) -> Result<(), RequestError> {
        match self.close_reason() {
            Some(_) => Err(RequestError::ConnectionEnded),
            None if self.is_open() => Ok(()),
            None => Err(RequestError::NotReady),
        }
    }
}
