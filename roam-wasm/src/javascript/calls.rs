//! Calls both ways, between the ids of the wire and those of JavaScript.

use std::collections::VecDeque;
use std::mem;
use std::rc::Rc;

use roam_core::proto::outcome::{ERROR, UNKNOWN_METHOD};
use roam_core::proto::{
    ChannelId, CloseReason, ConnectionId, Direction, Metadata, MethodId, Refused, Request,
    RequestId, Response,
};

use super::ends::Ends;
use super::failure::Failure;
use super::session::Session;

const ROOT: ConnectionId = ConnectionId::ROOT;

/// The calls in flight.
#[derive(Default)]
pub(super) struct Calls {
    /// Ours, under the ids that JavaScript chose.
    ours: Pairs,
    /// The peer's that JavaScript was told of and has not answered, under ids made here. Bounded
    /// by the machine, which counts them as in flight.
    theirs: Pairs,
    last_id: u32,
    served: Vec<MethodId>,
}

/// Ids of the wire and of JavaScript. Those that are looked for stand in front, as a rule.
#[derive(Default)]
struct Pairs(VecDeque<(RequestId, u32)>);

impl Pairs {
    fn add(&mut self, request: RequestId, id: u32) {
        self.0.push_back((request, id));
    }

    fn id_of(&self, request: RequestId) -> Option<u32> {
        Some(self.0.iter().find(|pair| pair.0 == request)?.1)
    }

    fn request_of(&self, id: u32) -> Option<RequestId> {
        Some(self.0.iter().find(|pair| pair.1 == id)?.0)
    }

    fn remove(&mut self, id: u32) -> Option<RequestId> {
        let position = self.0.iter().position(|pair| pair.1 == id)?;
        Some(self.0.remove(position)?.0)
    }
}

impl Session {
    /// Makes a call, and returns the channels of `keep`.
    pub(super) fn call(
        self: &Rc<Self>,
        id: u32,
        method: MethodId,
        payload: &[u8],
        metadata: &[u8],
        keep: &[Direction],
    ) -> Result<Vec<ChannelId>, Failure> {
        let metadata = decode_metadata(metadata)?;
        let called = self.act(|link| link.request(ROOT, method, &metadata, keep, payload));
        let (request, channels) = called.map_err(|refused| self.refusal(refused))?;
        self.calls.borrow_mut().ours.add(request, id);
        Ok(channels)
    }

    pub(super) fn cancel(self: &Rc<Self>, id: u32) {
        let cancelled = self.calls.borrow_mut().ours.remove(id);
        if let Some(request) = cancelled {
            self.act(|link| link.cancel(ROOT, request));
        }
    }

    pub(super) fn serve(&self, methods: &[u64]) {
        let methods = methods.iter().copied().map(MethodId);
        self.calls.borrow_mut().served.extend(methods);
    }

    /// Answers a call of the peer. A call that nobody waits for any more needs no answer, but this
    /// tells that its handler is gone.
    pub(super) fn respond(
        self: &Rc<Self>,
        id: u32,
        payload: &[u8],
        metadata: &[u8],
        keep: &[Direction],
    ) -> Result<Vec<ChannelId>, Failure> {
        let metadata = decode_metadata(metadata)?;
        let request = self.calls.borrow().theirs.request_of(id);
        let Some(request) = request else {
            return Ok(Vec::new());
        };
        let channels = match self.act(|link| link.respond(ROOT, request, &metadata, keep, payload))
        {
            Ok(channels) => channels,
            Err(Refused::Answered | Refused::ConnectionOver) => Vec::new(),
            Err(refused) => return Err(self.refusal(refused)),
        };
        self.act(|link| link.handler_gone(ROOT, request));
        self.calls.borrow_mut().theirs.remove(id);
        Ok(channels)
    }

    pub(super) fn tell_response(self: &Rc<Self>, response: Response) {
        let id = self.calls.borrow().ours.id_of(response.request);
        let Some(id) = id else {
            return self.reset_all(response.channels.unwrap_or_default());
        };
        self.calls.borrow_mut().ours.remove(id);
        self.events.tell(|events| {
            let Some(channels) = response.channels else {
                return events.failed(id, Refused::NoRoomForChannels.into());
            };
            let ends = Ends::came(self, channels);
            let metadata = encode_metadata(&response.metadata);
            events.response(id, &response.payload, &metadata, ends)
        });
    }

    pub(super) fn tell_request(self: &Rc<Self>, call: Request) {
        let Some(id) = self.calls.borrow_mut().take_in(&call) else {
            return self.refuse(call.request);
        };
        let ends = Ends::came(self, call.channels);
        let metadata = encode_metadata(&call.metadata);
        self.events
            .tell(|events| events.request(id, call.method.0, &call.payload, &metadata, ends));
    }

    fn refuse(self: &Rc<Self>, request: RequestId) {
        self.act(|link| {
            // It may have been cancelled already.
            let _ = link.respond(
                ROOT,
                request,
                &Metadata::new(),
                &[],
                &[ERROR, UNKNOWN_METHOD],
            );
            link.handler_gone(ROOT, request);
        });
    }

    pub(super) fn tell_cancelled(&self, request: RequestId) {
        let id = self.calls.borrow().theirs.id_of(request);
        if let Some(id) = id {
            self.events.tell(|events| events.cancelled(id));
        }
    }

    /// The link is over, and with it every call.
    pub(super) fn fail_calls(&self, reason: &CloseReason) {
        let calls = mem::take(&mut *self.calls.borrow_mut());
        for (_, id) in calls.theirs.0 {
            self.events.tell(|events| events.cancelled(id));
        }
        for (_, id) in calls.ours.0 {
            self.events
                .tell(|events| events.failed(id, Failure::closed(reason)));
        }
    }

    fn refusal(&self, refused: Refused) -> Failure {
        match (refused, self.link.borrow().close_reason()) {
            (Refused::ConnectionOver, Some(reason)) => Failure::closed(reason),
            (refused, _) => refused.into(),
        }
    }

    fn reset_all(self: &Rc<Self>, channels: Vec<ChannelId>) {
        self.act(|link| {
            for channel in channels {
                link.reset(ROOT, channel);
            }
        });
    }
}

impl Calls {
    /// Gives a call of the peer an id; `None` when nobody serves its method.
    fn take_in(&mut self, call: &Request) -> Option<u32> {
        if !self.served.contains(&call.method) {
            return None;
        }
        // Long before a number comes again its call is over, unless 2^32 others came meanwhile.
        self.last_id = self.last_id.wrapping_add(1);
        self.theirs.add(call.request, self.last_id);
        Some(self.last_id)
    }
}

/// Metadata crosses as on the wire, and as nothing when there is none.
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
