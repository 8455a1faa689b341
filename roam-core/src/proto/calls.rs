//! The calls of a connection, both ways.

use std::borrow::Cow;
use std::collections::hash_map::Entry;
use std::time::Duration;

use super::channel::{Channel, ChannelEnd, Direction};
use super::connection::Connection;
use super::env::Env;
use super::event::{Event, Request, Response};
use super::ids::{ChannelId, ConnectionId, IdMap, MethodId, RequestId, shrink};
use super::message::{MAX_CHANNELS, Message, put_request_head, put_response_head};
use super::metadata::{Metadata, MetadataError};
use super::outcome::{Failure, is_error};
use super::payload::{Payload, ReceivedPayload};
use super::violation::{Rule, Violation};

/// The calls in flight.
#[derive(Debug, Default)]
pub(super) struct Calls {
    /// Ours.
    pub(super) outgoing: IdMap<Outgoing>,
    /// The peer's.
    pub(super) incoming: IdMap<Incoming>,
    last_request: u64,
    /// How many of ours, and of the peer's that are not answered, have channels in their arguments.
    streaming: (usize, usize),
}

/// A call of ours.
#[derive(Debug)]
pub(super) struct Outgoing {
    pub(super) method: MethodId,
    /// The frame of the outbox in which its Request stands.
    frame: u64,
    /// Those of its arguments.
    pub(super) channels: Vec<ChannelId>,
    /// When it was made, if anybody watches.
    pub(super) since: Option<Duration>,
}

/// A call of the peer. It is in flight until its answer has left *and* its handler is gone, so
/// that Request and Cancel in a loop meet the limit as well.
#[derive(Debug)]
pub(super) struct Incoming {
    pub(super) method: MethodId,
    pub(super) channels: Vec<ChannelId>,
    /// When it came, if anybody watches.
    pub(super) since: Option<Duration>,
    /// What it takes of the link's budget, in bytes.
    held: usize,
    pub(super) answered: bool,
    /// Its Response has been handed to the transport, or there will be none.
    pub(super) departed: bool,
    handler_gone: bool,
}

/// Whether the handler of a call goes on after its answer.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum HandlerIs {
    There,
    Gone,
}

/// Why a Request or a Response was not sent. Nothing of it has been.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The connection is over.
    #[error("the connection is over")]
    ConnectionOver,
    /// The handshake is not done.
    #[error("the handshake is not done")]
    NotReady,
    /// The payload is larger than the two peers agreed on.
    #[error("a payload of {len} bytes, {max} allowed")]
    PayloadTooLarge {
        /// The payload's length in bytes.
        len: usize,
        /// The longest allowed.
        max: usize,
    },
    /// The metadata is over a limit.
    #[error(transparent)]
    Metadata(#[from] MetadataError),
    /// More channel ends than a message may hold.
    #[error("{0} channel ends, {max} allowed", max = MAX_CHANNELS)]
    TooManyEnds(usize),
    /// No room for that many more channels on the link.
    #[error("no room for more channels on this link")]
    NoRoomForChannels,
    /// The call has been answered, or never was.
    #[error("the call has been answered already")]
    Answered,
}

impl Calls {
    /// How many calls are in flight: ours, the peer's.
    pub(super) fn in_flight(&self) -> (usize, usize) {
        (self.outgoing.len(), self.incoming.len())
    }

    /// Those without channels in their arguments, and those of the peer that are answered.
    pub(super) fn without_channels(&self) -> (usize, usize) {
        let (ours, theirs) = self.in_flight();
        (ours - self.streaming.0, theirs - self.streaming.1)
    }

    /// A call of ours is over.
    fn take_outgoing(&mut self, request: RequestId) -> Option<Outgoing> {
        let call = self.outgoing.remove(&request.0)?;
        self.streaming.0 -= usize::from(!call.channels.is_empty());
        Some(call)
    }

    /// Whether the peer waits for the answer to `request`.
    pub(super) fn is_awaited(&self, request: RequestId) -> bool {
        let call = self.incoming.get(&request.0);
        call.is_some_and(|call| !call.answered)
    }

    /// Nobody waits for answers any more, and none are given. Calls whose handlers run on, or
    /// whose Response is still queued, stay in flight until that is over. `heard` tells whether
    /// what is queued still counts for the peer.
    pub(super) fn end_all(&mut self, env: &mut Env, connection: ConnectionId, heard: bool) {
        self.streaming = (0, 0);
        for (request, call) in std::mem::take(&mut self.outgoing) {
            if !heard && !env.outbox.has_left(call.frame) {
                env.events.push_back(Event::NotSent {
                    connection,
                    request: RequestId(request),
                });
            }
        }
        self.incoming.retain(|_, call| {
            call.departed |= !call.answered;
            call.answered = true;
            let over = call.departed && call.handler_gone;
            if over {
                env.budget.give_call(call.held);
            }
            !over
        });
    }

    /// The Response of `request` has been handed to the transport.
    pub(super) fn departed(&mut self, env: &mut Env, request: RequestId) {
        self.settle(env, request, |call| call.departed = true);
    }

    /// The handler of `request` is gone.
    pub(super) fn handler_gone(&mut self, env: &mut Env, request: RequestId) {
        self.settle(env, request, |call| call.handler_gone = true);
    }

    fn settle(&mut self, env: &mut Env, request: RequestId, change: impl FnOnce(&mut Incoming)) {
        let Entry::Occupied(mut entry) = self.incoming.entry(request.0) else {
            return;
        };
        let call = entry.get_mut();
        change(call);
        if call.departed && call.handler_gone {
            env.budget.give_call(call.held);
            entry.remove();
            shrink(&mut self.incoming);
        }
    }
}

impl Connection {
    // What comes in.

    pub(super) fn handle_request(
        &mut self,
        env: &mut Env,
        request: Request,
    ) -> Result<(), Violation> {
        let Request {
            request: id,
            method,
            ref payload,
            ref channels,
            ..
        } = request;
        check_received_payload(env, payload)?;
        if self.calls.incoming.contains_key(&id.0) {
            return Err(Rule::DuplicateRequestId.because(format!("request {id}")));
        }
        self.admit(env, channels)?;
        let held = payload.len() + request.metadata.held() + size_of_val(channels.as_slice());
        let room = self.calls.incoming.len() < env.limits.calls && env.budget.take_call(held);
        if !room {
            self.answer_busy(env, id);
            return Ok(());
        }
        if !self.open(env, channels, Some(id)) {
            env.budget.give_call(held);
            self.answer_busy(env, id);
            return Ok(());
        }
        self.note_channels(env, channels, method);
        let call = Incoming {
            method,
            channels: channels.clone(),
            since: env.now,
            held,
            answered: false,
            departed: false,
            handler_gone: false,
        };
        self.calls.streaming.1 += usize::from(!channels.is_empty());
        self.calls.incoming.insert(id.0, call);
        env.events.push_back(Event::Request(request));
        Ok(())
    }

    /// Answers a call for which there is no room. It never counts as in flight: what it costs is
    /// the reply, and replies are bounded.
    #[cold]
    fn answer_busy(&self, env: &mut Env, request: RequestId) {
        let (metadata, payload) = Failure::Busy.response();
        env.outbox.push_control(&Message::Response {
            connection: self.id,
            request,
            metadata: Cow::Owned(metadata),
            channels: Cow::Borrowed(&[]),
            payload,
        });
    }

    /// Answers `busy` to a call that is with its handler already. `false` when it is over.
    pub(super) fn give_up_call(&mut self, env: &mut Env, request: RequestId) -> bool {
        let (metadata, payload) = Failure::Busy.response();
        self.answer_for_handler(env, request, &metadata, payload)
    }

    /// Cancels a call of ours, and tells its caller `busy` in the stead of the peer. `false` when
    /// it is over.
    pub(super) fn give_up_own_call(&mut self, env: &mut Env, request: RequestId) -> bool {
        if !self.calls.outgoing.contains_key(&request.0) {
            return false;
        }
        self.cancel(env, request);
        let (metadata, payload) = Failure::Busy.response();
        env.events.push_back(Event::Response(Response {
            connection: self.id,
            request,
            metadata,
            channels: Some(Vec::new()),
            payload: payload.into(),
        }));
        true
    }

    pub(super) fn handle_cancel(&mut self, env: &mut Env, request: RequestId) {
        self.answer_for_handler(env, request, &Metadata::new(), Failure::CANCELLED);
    }

    /// Answers a call in the stead of its handler, which is told to stop. `false` when it has been
    /// answered.
    fn answer_for_handler(
        &mut self,
        env: &mut Env,
        request: RequestId,
        metadata: &Metadata,
        payload: &[u8],
    ) -> bool {
        let awaited = self.calls.is_awaited(request);
        if awaited {
            self.answer(
                env,
                request,
                metadata,
                &[],
                payload.into(),
                HandlerIs::There,
            );
            let connection = self.id;
            env.events.push_back(Event::Cancelled {
                connection,
                request,
            });
        }
        awaited
    }

    pub(super) fn handle_response(
        &mut self,
        env: &mut Env,
        request: RequestId,
        metadata: Metadata,
        channels: &[ChannelId],
        payload: ReceivedPayload,
    ) -> Result<(), Violation> {
        check_received_payload(env, &payload)?;
        self.admit(env, channels)?;
        let Some(call) = self.calls.take_outgoing(request) else {
            env.stray_responses += 1;
            self.refuse_channels(env, channels);
            return Ok(());
        };
        shrink(&mut self.calls.outgoing);
        if is_error(&payload) {
            self.end_channels(env, &call.channels, ChannelEnd::CallOver);
        }
        let opened = self.open(env, channels, None);
        if opened {
            self.note_channels(env, channels, call.method);
        } else {
            self.refuse_channels(env, channels);
        }
        let channels = opened.then(|| channels.to_vec());
        let connection = self.id;
        env.events.push_back(Event::Response(Response {
            connection,
            request,
            metadata,
            channels,
            payload,
        }));
        Ok(())
    }

    #[cold]
    fn refuse_channels(&self, env: &mut Env, channels: &[ChannelId]) {
        for &channel in channels {
            self.push_reset(env, channel);
        }
    }

    // What the user wants.

    pub(super) fn request(
        &mut self,
        env: &mut Env,
        method: MethodId,
        metadata: &Metadata,
        ends: impl ExactSizeIterator<Item = Option<Direction>> + Clone,
        payload: Payload<'_>,
    ) -> Result<(RequestId, Vec<ChannelId>), Refused> {
        check_outgoing(env, metadata, ends.len(), &payload)?;
        let request = RequestId(self.calls.last_request + 1);
        let channels = self
            .allocate(env, ends, Some(request))
            .ok_or(Refused::NoRoomForChannels)?;
        self.calls.last_request = request.0;
        let (call, out) = ((self.id, request, method), env.outbox.begin());
        put_request_head(out, call, metadata, &channels, payload.len());
        env.outbox.push_payload(payload);
        self.note_channels(env, &channels, method);
        let call = Outgoing {
            method,
            frame: env.outbox.last_frame(),
            channels: channels.clone(),
            since: env.now,
        };
        self.calls.streaming.0 += usize::from(!channels.is_empty());
        self.calls.outgoing.insert(request.0, call);
        Ok((request, channels))
    }

    /// Nobody waits for the answer any more: the call and the channels of its arguments end here
    /// and, when the peer hears of it, there.
    pub(super) fn cancel(&mut self, env: &mut Env, request: RequestId) {
        let Some(call) = self.calls.take_outgoing(request) else {
            return;
        };
        env.outbox.push(&Message::Cancel {
            connection: self.id,
            request,
        });
        for &id in &call.channels {
            let live = |channel: &Channel| channel.ended().is_none();
            if self.channels.get(&id.0).is_some_and(live) {
                env.outbox.push(&Message::Reset {
                    connection: self.id,
                    channel: id,
                });
            }
        }
        self.end_channels(env, &call.channels, ChannelEnd::CallOver);
    }

    pub(super) fn respond(
        &mut self,
        env: &mut Env,
        request: RequestId,
        metadata: &Metadata,
        ends: impl ExactSizeIterator<Item = Option<Direction>> + Clone,
        payload: Payload<'_>,
        handler: HandlerIs,
    ) -> Result<Vec<ChannelId>, Refused> {
        if !self.calls.is_awaited(request) {
            return Err(Refused::Answered);
        }
        check_outgoing(env, metadata, ends.len(), &payload)?;
        let channels = self
            .allocate(env, ends, None)
            .ok_or(Refused::NoRoomForChannels)?;
        self.answer(env, request, metadata, &channels, payload, handler);
        Ok(channels)
    }

    fn answer(
        &mut self,
        env: &mut Env,
        request: RequestId,
        metadata: &Metadata,
        channels: &[ChannelId],
        payload: Payload<'_>,
        handler: HandlerIs,
    ) {
        let Some(call) = self.calls.incoming.get_mut(&request.0) else {
            return;
        };
        call.answered = true;
        call.handler_gone |= handler == HandlerIs::Gone;
        let method = call.method;
        let arguments = std::mem::take(&mut call.channels);
        self.calls.streaming.1 -= usize::from(!arguments.is_empty());
        self.note_channels(env, channels, method);
        let (call, out) = ((self.id, request), env.outbox.begin());
        put_response_head(out, call, metadata, channels, payload.len());
        let is_error = is_error(&payload);
        env.outbox.push_response(self.id, request, payload);
        if is_error {
            self.end_channels(env, &arguments, ChannelEnd::CallOver);
        } else {
            self.cut_unbound(env, &arguments);
        }
    }
}

fn check_received_payload(env: &Env, payload: &[u8]) -> Result<(), Violation> {
    let max = env.agreed.max_payload_size as usize;
    if payload.len() > max {
        return Err(Rule::PayloadLimit.because(format!("{} bytes, {max} allowed", payload.len())));
    }
    Ok(())
}

fn check_outgoing(
    env: &Env,
    metadata: &Metadata,
    ends: usize,
    payload: &[u8],
) -> Result<(), Refused> {
    let max = env.agreed.max_payload_size as usize;
    if payload.len() > max {
        return Err(Refused::PayloadTooLarge {
            len: payload.len(),
            max,
        });
    }
    if ends > MAX_CHANNELS {
        return Err(Refused::TooManyEnds(ends));
    }
    Ok(metadata.check()?)
}
