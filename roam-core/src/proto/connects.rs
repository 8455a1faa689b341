//! Virtual connections: asking for them, granting them, ending them.

use std::borrow::Cow;

use super::connection::Connection;
use super::event::{CloseReason, Event};
use super::ids::{ConnectionId, IdAllocator, IdSet, RequestId, Role, SeenIds};
use super::link::Link;
use super::message::{Message, clamp_reason};
use super::metadata::Metadata;
use super::violation::{Rule, Violation};

/// What is under way in opening connections, and which ids have been used.
#[derive(Debug)]
pub(super) struct Connects {
    /// Our Connects that wait for an answer.
    pub(super) outgoing: IdSet,
    /// The peer's that wait for ours.
    pub(super) incoming: IdSet,
    last_request: u64,
    /// Ids that we hand out when we accept. The two directions are kept apart by parity.
    ours: IdAllocator,
    role: Role,
    theirs: SeenIds,
    /// Connections that the peer opened, until nothing of them is held here any more.
    pub(super) accepted: IdSet,
}

/// The reason of a Reject when there are too many connections already.
const TOO_MANY: &str = "too many connections";
/// The reason of a Reject when another Connect with the same id is in flight.
const DUPLICATE: &str = "this request id is in flight";
/// The reason of a Goodbye on a connection that was granted too late.
const NOT_AWAITED: &str = "nobody waits for this connection";
/// The reason of a Goodbye on a connection with an id of which channels are still held here.
const HELD: &str = "the connection id is not free yet";

impl Connects {
    pub(super) fn new(role: Role) -> Self {
        Self {
            outgoing: IdSet::default(),
            incoming: IdSet::default(),
            last_request: 0,
            ours: IdAllocator::new(role),
            role,
            theirs: SeenIds::default(),
            accepted: IdSet::default(),
        }
    }

    /// Whether any is asked for, by either peer.
    pub(super) fn in_flight(&self) -> bool {
        !self.outgoing.is_empty() || !self.incoming.is_empty()
    }

    /// Whether a connection has had this id.
    pub(super) fn ever_was(&self, id: ConnectionId) -> bool {
        (self.role.owns(id.0) && self.ours.handed_out(id.0)) || self.theirs.contains(id.0)
    }
}

impl Link {
    // What comes in.

    pub(super) fn handle_connect(&mut self, request: RequestId, metadata: Metadata) {
        if self.connects.incoming.contains(&request.0) {
            self.push_reject(request, DUPLICATE, &Metadata::new());
            return;
        }
        let taken = self.connects.incoming.len() + self.connects.accepted.len();
        if taken >= self.env.limits.connections {
            self.push_reject(request, TOO_MANY, &Metadata::new());
            return;
        }
        self.connects.incoming.insert(request.0);
        self.env
            .events
            .push_back(Event::ConnectRequest { request, metadata });
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
        self.connects.theirs.insert(id.0);
        if !self.connects.outgoing.remove(&request.0) {
            self.push_goodbye(id, &CloseReason::Local(NOT_AWAITED.into()));
            return Ok(());
        }
        // The peer may use an id again when its connection is over. While channels of the old one
        // are held here, they would be taken for channels of the new one.
        let result = if self.ended.contains_key(&id.0) {
            self.push_goodbye(id, &CloseReason::Local(HELD.into()));
            Err(HELD.into())
        } else {
            let connection = Connection::new(id, self.env.role, self.env.now);
            self.others.insert(id.0, connection);
            Ok(id)
        };
        self.env.events.push_back(Event::ConnectAnswer {
            request,
            result,
            metadata,
        });
        Ok(())
    }

    pub(super) fn handle_reject(&mut self, request: RequestId, reason: &str, metadata: Metadata) {
        if self.connects.outgoing.remove(&request.0) {
            let result = Err(reason.into());
            self.env.events.push_back(Event::ConnectAnswer {
                request,
                result,
                metadata,
            });
        }
    }

    // What the user wants.

    /// Asks the peer for a virtual connection; a [`ConnectAnswer`](Event::ConnectAnswer) follows.
    pub fn connect(&mut self, metadata: &Metadata) -> Result<RequestId, super::Refused> {
        self.check_open()?;
        metadata.check()?;
        self.connects.last_request += 1;
        let request = RequestId(self.connects.last_request);
        self.connects.outgoing.insert(request.0);
        self.env.outbox.push(&Message::Connect {
            request,
            metadata: Cow::Borrowed(metadata),
        });
        Ok(request)
    }

    /// Nobody waits for the answer to a Connect any more; a connection granted later is ended.
    pub fn forget_connect(&mut self, request: RequestId) {
        self.connects.outgoing.remove(&request.0);
    }

    /// Grants the peer the connection that it asked for.
    pub fn accept(
        &mut self,
        request: RequestId,
        metadata: &Metadata,
    ) -> Result<ConnectionId, super::Refused> {
        self.check_open()?;
        metadata.check()?;
        if !self.connects.incoming.remove(&request.0) {
            return Err(super::Refused::Answered);
        }
        let id = self.free_id();
        self.connects.accepted.insert(id.0);
        let connection = Connection::new(id, self.env.role, self.env.now);
        self.others.insert(id.0, connection);
        // Counted, as a peer could ask, guess the id and end the connection without ever reading.
        self.env.outbox.push_control(&Message::Accept {
            request,
            connection: id,
            metadata: Cow::Borrowed(metadata),
        });
        Ok(id)
    }

    /// Refuses the peer the connection that it asked for. Metadata over a limit is left out.
    pub fn reject(&mut self, request: RequestId, reason: &str, metadata: &Metadata) {
        if self.is_open() && self.connects.incoming.remove(&request.0) {
            let none = Metadata::new();
            let metadata = if metadata.check().is_ok() {
                metadata
            } else {
                &none
            };
            self.push_reject(request, reason, metadata);
        }
    }

    /// Ends a connection; the root's end is that of the link.
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
        connection.end_all(&mut self.env, &reason);
        self.ended.insert(id.0, connection);
        self.release(id);
        self.env.events.push_back(Event::ConnectionEnded {
            connection: id,
            reason,
        });
    }

    /// An id of ours for a new connection. The peer may have handed out any, also one of ours.
    fn free_id(&mut self) -> ConnectionId {
        loop {
            let id = self.connects.ours.allocate();
            if !self.others.contains_key(&id) && !self.ended.contains_key(&id) {
                return ConnectionId(id);
            }
        }
    }

    fn push_reject(&mut self, request: RequestId, reason: &str, metadata: &Metadata) {
        self.env.outbox.push_control(&Message::Reject {
            request,
            reason: clamp_reason(reason),
            metadata: Cow::Borrowed(metadata),
        });
    }

    fn check_open(&self) -> Result<(), super::Refused> {
        match self.close_reason() {
            Some(_) => Err(super::Refused::ConnectionOver),
            None if self.is_open() => Ok(()),
            None => Err(super::Refused::NotReady),
        }
    }
}
