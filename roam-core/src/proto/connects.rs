//! Virtual connections: asking for them, granting them, ending them.

use std::borrow::Cow;

use super::connection::Connection;
use super::event::{CloseReason, Event};
use super::ids::{ConnectionId, IdAllocator, IdMap, RequestId, Role, SeenIds};
use super::link::Link;
use super::message::{Message, clamp_reason};
use super::metadata::Metadata;
use super::violation::{Rule, Violation};

/// What is under way in opening connections, and which ids have been used.
#[derive(Debug)]
pub(super) struct Connects {
    /// Our Connects that wait for an answer.
    outgoing: IdMap<()>,
    /// The peer's that wait for ours.
    incoming: IdMap<()>,
    last_request: u64,
    /// Ids that we hand out when we accept. The two directions are kept apart by parity.
    ours: IdAllocator,
    role: Role,
    theirs: SeenIds,
    /// Connections that the peer opened and that are live.
    accepted: IdMap<()>,
}

/// The reason of a Reject when there are too many connections already.
const TOO_MANY: &str = "too many connections";

impl Connects {
    pub(super) fn new(role: Role) -> Self {
        Self {
            outgoing: IdMap::default(),
            incoming: IdMap::default(),
            last_request: 0,
            ours: IdAllocator::new(role),
            role,
            theirs: SeenIds::default(),
            accepted: IdMap::default(),
        }
    }

    /// Whether a connection has had this id.
    pub(super) fn ever_was(&self, id: ConnectionId) -> bool {
        (self.role.owns(id.0) && self.ours.handed_out(id.0)) || self.theirs.contains(id.0)
    }

    /// An id that neither side has used: the peer may hand out any.
    fn allocate(&mut self) -> ConnectionId {
        loop {
            let id = self.ours.allocate();
            if !self.theirs.contains(id) {
                return ConnectionId(id);
            }
        }
    }
}

impl Link {
    // What comes in.

    pub(super) fn handle_connect(&mut self, request: RequestId, metadata: Metadata) {
        let pending = self.connects.incoming.len() + self.connects.accepted.len();
        if pending >= self.env.limits.connections || self.connects.incoming.contains_key(&request.0) {
            self.push_reject(request, TOO_MANY, &Metadata::new());
            return;
        }
        self.connects.incoming.insert(request.0, ());
        self.env.events.push_back(Event::ConnectRequest { request, metadata });
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
        if self.connects.outgoing.remove(&request.0).is_none() {
            self.push_goodbye(id, &CloseReason::Local("nobody waits for this connection".into()));
            return Ok(());
        }
        self.others.insert(id.0, Connection::new(id, self.env.role));
        self.env.events.push_back(Event::ConnectAnswer { request, result: Ok(id), metadata });
        Ok(())
    }

    pub(super) fn handle_reject(&mut self, request: RequestId, reason: &str, metadata: Metadata) {
        if self.connects.outgoing.remove(&request.0).is_some() {
            let result = Err(reason.into());
            self.env.events.push_back(Event::ConnectAnswer { request, result, metadata });
        }
    }

    // What the user wants.

    /// Asks the peer for a virtual connection; a [`ConnectAnswer`](Event::ConnectAnswer) follows.
    pub fn connect(&mut self, metadata: &Metadata) -> Result<RequestId, super::Refused> {
        self.check_open()?;
        metadata.check()?;
        self.connects.last_request += 1;
        let request = RequestId(self.connects.last_request);
        self.connects.outgoing.insert(request.0, ());
        self.env.outbox.push(&Message::Connect { request, metadata: Cow::Borrowed(metadata) });
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
        if self.connects.incoming.remove(&request.0).is_none() {
            return Err(super::Refused::Answered);
        }
        let id = self.connects.allocate();
        self.connects.accepted.insert(id.0, ());
        self.others.insert(id.0, Connection::new(id, self.env.role));
        self.env.outbox.push(&Message::Accept {
            request,
            connection: id,
            metadata: Cow::Borrowed(metadata),
        });
        Ok(id)
    }

    /// Refuses the peer the connection that it asked for.
    pub fn reject(&mut self, request: RequestId, reason: &str, metadata: &Metadata) {
        if self.is_open() && self.connects.incoming.remove(&request.0).is_some() {
            let within = metadata.check().is_ok();
            self.push_reject(request, reason, if within { metadata } else { const { &Metadata::new() } });
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
        let Some(mut connection) = self.others.remove(&id.0) else { return };
        connection.end_all(&mut self.env);
        self.connects.accepted.remove(&id.0);
        if !connection.channels.is_empty() {
            self.ended.insert(id.0, connection);
        }
        self.env.events.push_back(Event::ConnectionEnded { connection: id, reason });
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
