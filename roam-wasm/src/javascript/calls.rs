//! Calls in both directions, under the machine's own ids.

use alloc::rc::Rc;
use alloc::vec::Vec;

use roam_proto::{
    ChannelId, ConnectionId, Handler, Metadata, MethodId, NewChannel, NewChannels, Outcome,
    Request, RequestError, RequestId, Response,
};

use super::channels::Channels;
use super::failure::Failure;
use super::ids::to_number;
use super::outcome::{self, OutcomeKind};
use super::session::Session;

impl Session {
    /// Makes a call and returns its id and the channels that it opened.
    pub(super) fn call(
        self: &Rc<Self>,
        connection: ConnectionId,
        method: MethodId,
        payload: &[u8],
        metadata: Option<&[u8]>,
        placed: &[NewChannel],
    ) -> Result<(RequestId, Vec<ChannelId>), Failure> {
        let metadata = decode_metadata(metadata)?;
        let called = self.act(|link| {
            let calls = link.calls(connection);
            calls.request(method, &metadata, NewChannels::Placed(placed), payload)
        });
        called.map_err(|error| self.request_failure(error))
    }

    /// Answers a call by the peer. A cancelled call needs no answer, but is in flight until this
    /// reports that its handler has finished.
    pub(super) fn respond(
        self: &Rc<Self>,
        connection: ConnectionId,
        request: RequestId,
        outcome: Outcome,
        body: &[u8],
        metadata: Option<&[u8]>,
        placed: &[NewChannel],
    ) -> Result<Vec<ChannelId>, Failure> {
        let mut metadata = decode_metadata(metadata)?;
        let mut payload = outcome::encode(outcome, body, &mut metadata);
        let answered = self.act(|link| {
            let (calls, placed) = (link.calls(connection), NewChannels::Placed(placed));
            calls.respond(request, &metadata, placed, &mut payload, Handler::Running)
        });
        let channels = match answered {
            Ok(channels) => channels,
            Err(RequestError::AlreadyAnswered | RequestError::ConnectionEnded) => Vec::new(),
            Err(error) => return Err(self.request_failure(error)),
        };
        self.act(|link| link.calls(connection).handler_finished(request));
        Ok(channels)
    }

    pub(super) fn on_response(self: &Rc<Self>, response: Response) {
        let (connection, call) = (response.connection, to_number(response.request.0));
        self.events.emit(|events| {
            let Some(channels) = response.channels else {
                let failure = RequestError::NoBudgetForChannels.into();
                return events.failed(to_number(connection.0), call, failure);
            };
            let halves = Channels::new(self, connection, &channels, &[]);
            let (kind, body) = OutcomeKind::split(&response.payload, &response.metadata);
            events.response(to_number(connection.0), call, kind, &body, halves)
        });
    }

    pub(super) fn on_request(self: &Rc<Self>, call: &Request) {
        let halves = Channels::new(self, call.connection, &call.channels, &[]);
        let metadata = encode_metadata(&call.metadata);
        let connection = to_number(call.connection.0);
        let (request, method) = (call.request.0, call.method.0);
        self.events.emit(|events| {
            events.request(
                connection,
                request,
                method,
                &call.payload,
                &metadata,
                halves,
            )
        });
    }

    pub(super) fn on_cancelled(&self, connection: ConnectionId, request: RequestId) {
        self.events
            .emit(|events| events.cancelled(to_number(connection.0), request.0));
    }

    fn request_failure(&self, error: RequestError) -> Failure {
        match (error, self.link.borrow().close_reason()) {
            (RequestError::ConnectionEnded, Some(reason)) => Failure::closed(reason),
            (error, _) => error.into(),
        }
    }
}

/// Encodes metadata as on the wire, but empty metadata as no bytes.
fn encode_metadata(metadata: &Metadata) -> Vec<u8> {
    if metadata.is_empty() {
        return Vec::new();
    }
    metadata.to_bytes()
}

fn decode_metadata(bytes: Option<&[u8]>) -> Result<Metadata, Failure> {
    match bytes {
        None => Ok(Metadata::new()),
        Some(bytes) => Ok(Metadata::from_bytes(bytes)?),
    }
}
