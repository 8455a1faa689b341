//! Calls in both directions, which map the ids on the wire to those of JavaScript.

use std::mem;
use std::rc::Rc;

use roam_core::proto::{
    ChannelId, CloseReason, ConnectionId, Direction, Handler, Metadata, MethodId, Outcome, Request,
    RequestError, RequestId, Response,
};

use super::channels::Channels;
use super::failure::Failure;
use super::outcome::{self, OutcomeKind};
use super::session::Session;

const ROOT: ConnectionId = ConnectionId::ROOT;

/// The calls in flight.
#[derive(Default)]
pub(super) struct Calls {
    /// Our calls, with ids chosen by JavaScript.
    outgoing: IdMap,
    /// The peer's calls that JavaScript has not answered, with ids assigned here. The machine
    /// bounds their number, as it counts them as in flight.
    incoming: IdMap,
    last_id: u32,
    served: Vec<MethodId>,
}

/// Maps ids on the wire to ids of JavaScript and back, by a linear search: calls in flight are few,
/// and the entries looked up are usually at the front.
#[derive(Default)]
struct IdMap(Vec<(RequestId, u32)>);

impl IdMap {
    fn insert(&mut self, request: RequestId, id: u32) {
        self.0.push((request, id));
    }

    fn id_of(&self, request: RequestId) -> Option<u32> {
        Some(self.0.iter().find(|entry| entry.0 == request)?.1)
    }

    fn request_of(&self, id: u32) -> Option<RequestId> {
        Some(self.0.iter().find(|entry| entry.1 == id)?.0)
    }

    fn remove(&mut self, id: u32) -> Option<RequestId> {
        let position = self.0.iter().position(|entry| entry.1 == id)?;
        Some(self.0.remove(position).0)
    }
}

impl Session {
    /// Makes a call and returns the channels that `keep` opened.
    pub(super) fn call(
        self: &Rc<Self>,
        id: u32,
        method: MethodId,
        payload: &[u8],
        metadata: &[u8],
        keep: &[Direction],
    ) -> Result<Vec<ChannelId>, Failure> {
        let metadata = decode_metadata(metadata)?;
        let called = self.act(|link| {
            let calls = link.calls(ROOT);
            calls.request(method, &metadata, keep, payload)
        });
        let (request, channels) = called.map_err(|error| self.request_failure(error))?;
        self.calls.borrow_mut().outgoing.insert(request, id);
        Ok(channels)
    }

    pub(super) fn cancel(self: &Rc<Self>, id: u32) {
        let cancelled = self.calls.borrow_mut().outgoing.remove(id);
        if let Some(request) = cancelled {
            self.act(|link| link.calls(ROOT).cancel(request));
        }
    }

    pub(super) fn serve(&self, methods: &[u64]) {
        let methods = methods.iter().copied().map(MethodId);
        self.calls.borrow_mut().served.extend(methods);
    }

    /// Answers a call by the peer. A cancelled call needs no answer, but is in flight until this
    /// reports that its handler has finished.
    pub(super) fn respond(
        self: &Rc<Self>,
        id: u32,
        outcome: Outcome,
        body: &[u8],
        metadata: &[u8],
        keep: &[Direction],
    ) -> Result<Vec<ChannelId>, Failure> {
        let mut metadata = decode_metadata(metadata)?;
        let request = self.calls.borrow().incoming.request_of(id);
        let Some(request) = request else {
            return Ok(Vec::new());
        };
        let mut payload = outcome::encode(outcome, body, &mut metadata);
        let answered = self.act(|link| {
            let calls = link.calls(ROOT);
            calls.respond(request, &metadata, keep, &mut payload, Handler::Running)
        });
        let channels = match answered {
            Ok(channels) => channels,
            Err(RequestError::AlreadyAnswered | RequestError::ConnectionEnded) => Vec::new(),
            Err(error) => return Err(self.request_failure(error)),
        };
        self.act(|link| link.calls(ROOT).handler_finished(request));
        self.calls.borrow_mut().incoming.remove(id);
        Ok(channels)
    }

    pub(super) fn on_response(self: &Rc<Self>, response: Response) {
        let id = self.calls.borrow().outgoing.id_of(response.request);
        let Some(id) = id else {
            return self.reset_all(response.channels.unwrap_or_default());
        };
        self.calls.borrow_mut().outgoing.remove(id);
        self.events.emit(|events| {
            let Some(channels) = response.channels else {
                return events.failed(id, RequestError::NoBudgetForChannels.into());
            };
            let halves = Channels::new(self, &channels, &[]);
            let (kind, body) = OutcomeKind::split(&response.payload, &response.metadata);
            let metadata = encode_metadata(&response.metadata);
            events.response(id, kind, body, &metadata, halves)
        });
    }

    pub(super) fn on_request(self: &Rc<Self>, call: &Request) {
        let Some(id) = self.calls.borrow_mut().add_incoming(call) else {
            return self.reject_unknown(call.request);
        };
        let halves = Channels::new(self, &call.channels, &[]);
        let metadata = encode_metadata(&call.metadata);
        self.events
            .emit(|events| events.request(id, call.method.0, &call.payload, &metadata, halves));
    }

    /// Answers a call to a method that is not served.
    fn reject_unknown(self: &Rc<Self>, request: RequestId) {
        let (metadata, payload) = Outcome::UnknownMethod.response();
        self.act(|link| {
            let calls = link.calls(ROOT);
            // Fails if the call was already cancelled.
            let _ = calls.respond(request, &metadata, &[], payload, Handler::Running);
            link.calls(ROOT).handler_finished(request);
        });
    }

    pub(super) fn on_cancelled(&self, request: RequestId) {
        let id = self.calls.borrow().incoming.id_of(request);
        if let Some(id) = id {
            self.events.emit(|events| events.cancelled(id));
        }
    }

    /// Ends all calls in both directions, after the link has ended.
    pub(super) fn fail_calls(&self, reason: &CloseReason) {
        let calls = mem::take(&mut *self.calls.borrow_mut());
        for (_, id) in calls.incoming.0 {
            self.events.emit(|events| events.cancelled(id));
        }
        for (_, id) in calls.outgoing.0 {
            self.events
                .emit(|events| events.failed(id, Failure::closed(reason)));
        }
    }

    fn request_failure(&self, error: RequestError) -> Failure {
        match (error, self.link.borrow().close_reason()) {
            (RequestError::ConnectionEnded, Some(reason)) => Failure::closed(reason),
            (error, _) => error.into(),
        }
    }

    fn reset_all(self: &Rc<Self>, channels: Vec<ChannelId>) {
        self.act(|link| {
            for channel in channels {
                link.channel(ROOT, channel).reset();
            }
        });
    }
}

impl Calls {
    /// Assigns an id to a call by the peer; `None` if its method is not served.
    fn add_incoming(&mut self, call: &Request) -> Option<u32> {
        if !self.served.contains(&call.method) {
            return None;
        }
        // An id is reused only after 2^32 calls, when its earlier call has long ended.
        self.last_id = self.last_id.wrapping_add(1);
        self.incoming.insert(call.request, self.last_id);
        Some(self.last_id)
    }
}

/// Encodes metadata as on the wire, but empty metadata as no bytes.
fn encode_metadata(metadata: &Metadata) -> Vec<u8> {
    if metadata.is_empty() {
        return Vec::new();
    }
    metadata.to_bytes()
}

fn decode_metadata(bytes: &[u8]) -> Result<Metadata, Failure> {
    if bytes.is_empty() {
        return Ok(Metadata::new());
    }
    Ok(Metadata::from_bytes(bytes)?)
}
