//! Calls: requests, answers and cancellation.

use alloc::borrow::Cow;
use alloc::format;
use alloc::vec::Vec;

use super::Connection;
use crate::calls::{Handler, NewChannels, Outgoing, RequestError};
use crate::channel::{Channel, ChannelEnd};
use crate::context::LinkContext;
use crate::event::{Event, Request, Response};
use crate::failure::FailureKind;
use crate::ids::{ChannelId, MethodId, RequestId};
use crate::map::shrink;
use crate::memory::MemoryShare;
use crate::message::{MAX_CHANNELS, Message, encode_request_header, encode_response_header};
use crate::metadata::Metadata;
use crate::outbox::Priority;
use crate::outcome::{Outcome, is_error};
use crate::payload::{Payload, ReceivedPayload};
use crate::violation::{Rule, Violation};

/// Input.
impl Connection {
    pub(crate) fn handle_request(
        &mut self,
        ctx: &mut LinkContext,
        request: Request,
    ) -> Result<(), Violation> {
        let Request {
            request: id,
            method,
            ref payload,
            ref channels,
            ..
        } = request;
        check_received_payload(ctx, payload)?;
        if self.calls.incoming.contains_key(&id.0) {
            return Err(Rule::DuplicateRequestId.because(format!("request {id}")));
        }
        self.admit(ctx, channels)?;
        let held = held_by_call(payload, &request.metadata, channels);
        let has_budget = self.calls.has_room(ctx, !channels.is_empty())
            && !ctx.memory.as_ref().is_some_and(MemoryShare::is_exceeded)
            && ctx.budget.reserve_call(held);
        if !has_budget {
            self.answer_busy(ctx, id);
            return Ok(());
        }
        if !self.open(ctx, channels, Some(id)) {
            ctx.budget.release_call(held);
            self.answer_busy(ctx, id);
            return Ok(());
        }
        self.note_channels(ctx, channels, method);
        (self.calls).add_incoming(ctx, id, method, channels.clone(), held);
        ctx.events.push_back(Event::Request(request));
        Ok(())
    }

    /// Answers `busy` to a call that exceeds a limit. The call never counts as in flight: all it
    /// costs is the reply, and replies are bounded.
    #[cold]
    fn answer_busy(&self, ctx: &mut LinkContext, request: RequestId) {
        let (metadata, payload) = Outcome::Failed(FailureKind::Busy).response();
        let response = Message::Response {
            connection: self.id,
            request,
            metadata: Cow::Owned(metadata),
            channels: Cow::Borrowed(&[]),
            payload,
        };
        ctx.outbox.push_control(Priority::Urgent, &response);
    }

    pub(crate) fn handle_cancel(&mut self, ctx: &mut LinkContext, request: RequestId) {
        let (metadata, payload) = Outcome::Cancelled.response();
        self.answer_and_abort(ctx, request, &metadata, payload);
    }

    /// Answers `busy` to a call whose handler may already run. Returns `false` when the call was
    /// answered before.
    pub(crate) fn refuse_call(&mut self, ctx: &mut LinkContext, request: RequestId) -> bool {
        let (metadata, payload) = Outcome::Failed(FailureKind::Busy).response();
        self.answer_and_abort(ctx, request, &metadata, payload)
    }

    /// Answers a call in place of its handler, which is told to stop. Returns `false` when the
    /// call was answered before.
    fn answer_and_abort(
        &mut self,
        ctx: &mut LinkContext,
        request: RequestId,
        metadata: &Metadata,
        payload: &[u8],
    ) -> bool {
        let unanswered = self.calls.is_unanswered(request);
        if unanswered {
            let payload = payload.into();
            self.answer(ctx, request, metadata, &[], payload, Handler::Running);
            let connection = self.id;
            ctx.events.push_back(Event::Cancelled {
                connection,
                request,
            });
        }
        unanswered
    }

    pub(crate) fn handle_response(
        &mut self,
        ctx: &mut LinkContext,
        request: RequestId,
        metadata: Metadata,
        channels: &[ChannelId],
        payload: ReceivedPayload,
    ) -> Result<(), Violation> {
        check_received_payload(ctx, &payload)?;
        self.admit(ctx, channels)?;
        let Some(call) = self.calls.take_outgoing(ctx, request) else {
            ctx.stray_responses += 1;
            self.reset_all(ctx, channels);
            return Ok(());
        };
        shrink(&mut self.calls.outgoing);
        if is_error(&payload) {
            self.end_channels(ctx, &call.channels, ChannelEnd::CallEnded);
        }
        let opened = self.open(ctx, channels, None);
        if opened {
            self.note_channels(ctx, channels, call.method);
        } else {
            self.reset_all(ctx, channels);
        }
        let channels = opened.then(|| channels.to_vec());
        let connection = self.id;
        ctx.events.push_back(Event::Response(Response {
            connection,
            request,
            metadata,
            channels,
            payload,
        }));
        Ok(())
    }

    #[cold]
    fn reset_all(&self, ctx: &mut LinkContext, channels: &[ChannelId]) {
        for &channel in channels {
            self.push_reset(ctx, channel);
        }
    }
}

/// Commands.
impl Connection {
    pub(crate) fn request(
        &mut self,
        ctx: &mut LinkContext,
        method: MethodId,
        metadata: &Metadata,
        channels: NewChannels<'_>,
        payload: Payload<'_>,
    ) -> Result<(RequestId, Vec<ChannelId>), RequestError> {
        let mut numbered = channels.number(&payload, self.our_ids.upcoming());
        let payload = numbered.as_mut().map_or(payload, Payload::from);
        check_outgoing(ctx, metadata, channels, &payload)?;
        let request = self.calls.next_request();
        let channels = self
            .allocate(ctx, channels, Some(request))
            .ok_or(RequestError::NoBudgetForChannels)?;
        let held = held_by_call(&payload, metadata, &channels);
        let (call, out) = ((self.id, request, method), ctx.outbox.begin());
        encode_request_header(out, call, metadata, &channels, payload.len());
        let priority = ctx.outbox.priority_of(payload.len());
        ctx.outbox.push_payload(priority, payload);
        ctx.outbox.note_opens_ids(priority);
        self.note_channels(ctx, &channels, method);
        let call = Outgoing {
            method,
            place: ctx.outbox.last_place(priority),
            channels: channels.clone(),
            held,
            since: ctx.now,
        };
        self.calls.add_outgoing(ctx, request, call);
        Ok((request, channels))
    }

    /// Ends a call of ours and the channels of its arguments, and tells the peer.
    pub(crate) fn cancel(&mut self, ctx: &mut LinkContext, request: RequestId) {
        let Some(call) = self.calls.take_outgoing(ctx, request) else {
            return;
        };
        let connection = self.id;
        let priority = ctx.outbox.priority_after_ids();
        ctx.outbox.push(
            priority,
            &Message::Cancel {
                connection,
                request,
            },
        );
        for &id in &call.channels {
            let live = |channel: &Channel| channel.ended().is_none();
            if self.channels.get(&id.0).is_some_and(live) {
                let reset = Message::Reset {
                    connection,
                    channel: id,
                };
                ctx.outbox.push(priority, &reset);
            }
        }
        self.end_channels(ctx, &call.channels, ChannelEnd::CallEnded);
    }

    /// Cancels a call of ours and answers it `busy` in place of the peer. Returns `false` when it
    /// has already ended.
    pub(crate) fn fail_own_call(&mut self, ctx: &mut LinkContext, request: RequestId) -> bool {
        if !self.calls.outgoing.contains_key(&request.0) {
            return false;
        }
        self.cancel(ctx, request);
        let (metadata, payload) = Outcome::Failed(FailureKind::Busy).response();
        ctx.events.push_back(Event::Response(Response {
            connection: self.id,
            request,
            metadata,
            channels: Some(Vec::new()),
            payload: payload.into(),
        }));
        true
    }

    pub(crate) fn respond(
        &mut self,
        ctx: &mut LinkContext,
        request: RequestId,
        metadata: &Metadata,
        channels: NewChannels<'_>,
        payload: Payload<'_>,
        handler: Handler,
    ) -> Result<Vec<ChannelId>, RequestError> {
        if !self.calls.is_unanswered(request) {
            return Err(RequestError::AlreadyAnswered);
        }
        let mut numbered = channels.number(&payload, self.our_ids.upcoming());
        let payload = numbered.as_mut().map_or(payload, Payload::from);
        check_outgoing(ctx, metadata, channels, &payload)?;
        let channels = self
            .allocate(ctx, channels, None)
            .ok_or(RequestError::NoBudgetForChannels)?;
        self.answer(ctx, request, metadata, &channels, payload, handler);
        Ok(channels)
    }

    fn answer(
        &mut self,
        ctx: &mut LinkContext,
        request: RequestId,
        metadata: &Metadata,
        channels: &[ChannelId],
        payload: Payload<'_>,
        handler: Handler,
    ) {
        let Some((method, arguments)) = self.calls.answer(request, handler) else {
            return;
        };
        self.note_channels(ctx, channels, method);
        let (call, out) = ((self.id, request), ctx.outbox.begin());
        encode_response_header(out, call, metadata, channels, payload.len());
        let is_error = is_error(&payload);
        let priority = if arguments.is_empty() {
            ctx.outbox.priority_of(payload.len())
        } else {
            ctx.outbox.priority_after_close(payload.len())
        };
        ctx.outbox.push_response(priority, call, payload);
        if !channels.is_empty() {
            ctx.outbox.note_opens_ids(priority);
        }
        if is_error {
            self.end_channels(ctx, &arguments, ChannelEnd::CallEnded);
        } else {
            self.reset_unclaimed(ctx, &arguments);
        }
    }
}

/// Returns how much of the callee's budget a call takes, in bytes.
fn held_by_call(payload: &[u8], metadata: &Metadata, channels: &[ChannelId]) -> usize {
    payload.len() + metadata.memory_size() + size_of_val(channels)
}

fn check_received_payload(ctx: &LinkContext, payload: &[u8]) -> Result<(), Violation> {
    let max = ctx.agreed.max_payload_size as usize;
    if payload.len() > max {
        return Err(Rule::PayloadLimit.because(format!("{} bytes, {max} allowed", payload.len())));
    }
    Ok(())
}

fn check_outgoing(
    ctx: &LinkContext,
    metadata: &Metadata,
    channels: NewChannels<'_>,
    payload: &[u8],
) -> Result<(), RequestError> {
    let (len, max) = (payload.len(), ctx.agreed.max_payload_size as usize);
    if len > max {
        return Err(RequestError::PayloadTooLarge { len, max });
    }
    if channels.len() > MAX_CHANNELS {
        return Err(RequestError::TooManyChannels(channels.len()));
    }
    Ok(metadata.check()?)
}
