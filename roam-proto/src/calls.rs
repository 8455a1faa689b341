//! The calls in flight on a connection.

use alloc::vec::Vec;
use core::time::Duration;

use hashbrown::hash_map::Entry;

use crate::channel::Direction;
use crate::context::LinkContext;
use crate::event::Event;
use crate::ids::{ChannelId, ConnectionId, MethodId, RequestId};
use crate::map::{IdMap, shrink};
use crate::message::MAX_CHANNELS;
use crate::metadata::MetadataError;
use crate::outbox::Place;
use crate::payload::Encoded;

/// The calls in flight on a connection, both ways.
#[derive(Debug, Default)]
pub(crate) struct CallTable {
    pub(crate) outgoing: IdMap<Outgoing>,
    pub(crate) incoming: IdMap<Incoming>,
    last_request: u64,
    /// Outgoing calls, and unanswered incoming ones, with channels in their arguments.
    with_channels: (usize, usize),
}

/// A call of ours that waits for its answer.
#[derive(Debug)]
pub(crate) struct Outgoing {
    pub(crate) method: MethodId,
    /// Where the Request is queued.
    pub(crate) place: Place,
    /// The channels in the arguments.
    pub(crate) channels: Vec<ChannelId>,
    /// Bytes that the call takes from the peer's budget.
    pub(crate) held: usize,
    /// When the call was made, if the shell tells the time.
    pub(crate) since: Option<Duration>,
}

/// A call of the peer.
///
/// It is in flight until its answer was sent *and* its handler has finished, so that a peer
/// cannot evade the limit by sending Request and Cancel in a loop.
#[derive(Debug)]
pub(crate) struct Incoming {
    pub(crate) method: MethodId,
    /// The channels in the arguments, until the call is answered.
    pub(crate) channels: Vec<ChannelId>,
    /// When the call arrived, if the shell tells the time.
    pub(crate) since: Option<Duration>,
    /// Bytes that the call takes from the link's budget.
    held: usize,
    pub(crate) answered: bool,
    /// The Response was handed to the transport, or there will be none.
    pub(crate) sent: bool,
    handler_finished: bool,
}

/// Whether the handler of a call still runs after the call is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Handler {
    /// The handler still runs.
    Running,
    /// The handler has finished.
    Finished,
}

/// The channels that a Request or a Response opens, in the order of the payload.
#[derive(Clone, Copy, Debug)]
pub enum NewChannels<'a> {
    /// A channel for each of these; the direction is that of the half that stays here. The payload is
    /// sent as it is.
    Kept(&'a [Direction]),
    /// A channel for each of these. Their ids are written into the payload that is sent.
    Placed(&'a [NewChannel]),
    /// This many channels that [`Relay`](crate::Relay)s join to others.
    Relayed(usize),
}

/// A channel, and where the payload that opens it holds its id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NewChannel {
    /// The direction of the half that stays here.
    pub kept: Direction,
    /// The index of the byte that the id replaces: later in the payload than that of the channel
    /// before. `None` if the id is not to be written.
    pub place: Option<usize>,
}

/// Why a Request or a Response was refused. Nothing of it was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RequestError {
    /// The connection has ended.
    #[error("the connection has ended")]
    ConnectionEnded,
    /// The handshake is not complete.
    #[error("the handshake is not complete")]
    NotReady,
    /// The payload exceeds the limit that the peers agreed on.
    #[error("a payload of {len} bytes exceeds the smaller max_payload_size of both peers, {max}")]
    PayloadTooLarge {
        /// The length of the payload in bytes.
        len: usize,
        /// The longest allowed.
        max: usize,
    },
    /// The metadata exceeds a limit.
    #[error(transparent)]
    Metadata(#[from] MetadataError),
    /// More channels than a message may carry.
    #[error("{0} channels in one message, {max} allowed", max = MAX_CHANNELS)]
    TooManyChannels(usize),
    /// The link's budget cannot hold that many more channels.
    #[error("the link's budget for channels is used up (limits: receive_budget, sending_channels)")]
    NoBudgetForChannels,
    /// The call was answered before, or never existed.
    #[error("the call has already been answered")]
    AlreadyAnswered,
}

impl<'a> NewChannels<'a> {
    /// No channels.
    pub const NONE: Self = Self::Kept(&[]);

    /// Returns whether there are no channels.
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// Returns how many channels there are.
    pub fn len(self) -> usize {
        match self {
            Self::Kept(directions) => directions.len(),
            Self::Placed(channels) => channels.len(),
            Self::Relayed(count) => count,
        }
    }

    /// Yields the direction of each channel; `None` when a relay will learn it from the peers.
    pub(crate) fn directions(self) -> impl Iterator<Item = Option<Direction>> + Clone + use<'a> {
        (0..self.len()).map(move |index| match self {
            Self::Kept(directions) => directions.get(index).copied(),
            Self::Placed(channels) => channels.get(index).map(|channel| channel.kept),
            Self::Relayed(_) => None,
        })
    }

    /// Returns `payload` with these ids of the channels; `None` if it is to be sent as it is.
    #[inline]
    pub(crate) fn number(self, payload: &[u8], ids: impl Iterator<Item = u64>) -> Option<Encoded> {
        let Self::Placed(channels @ [_, ..]) = self else {
            return None;
        };
        let place = |(channel, id): (&NewChannel, u64)| Some((channel.place?, id));
        let places = channels.iter().zip(ids).filter_map(place);
        Some(Encoded::with_ids(payload, channels.len(), places))
    }
}

impl<'a, D: AsRef<[Direction]> + ?Sized> From<&'a D> for NewChannels<'a> {
    fn from(kept: &'a D) -> Self {
        Self::Kept(kept.as_ref())
    }
}

impl CallTable {
    /// Returns how many calls are in flight: ours, the peer's.
    pub(crate) fn in_flight(&self) -> (usize, usize) {
        (self.outgoing.len(), self.incoming.len())
    }

    /// Returns how many calls without channels are in flight: ours, the peer's. Answered calls of
    /// the peer are included, whatever their arguments held.
    #[inline]
    pub(crate) fn without_channels(&self) -> (usize, usize) {
        let (ours, theirs) = self.in_flight();
        (ours - self.with_channels.0, theirs - self.with_channels.1)
    }

    /// Returns the id for the next call of ours. It is used up by
    /// [`add_outgoing`](Self::add_outgoing).
    pub(crate) fn next_request(&self) -> RequestId {
        RequestId(self.last_request + 1)
    }

    pub(crate) fn add_outgoing(
        &mut self,
        ctx: &mut LinkContext,
        request: RequestId,
        call: Outgoing,
    ) {
        ctx.calls_held += call.held;
        self.last_request = request.0;
        self.with_channels.0 += usize::from(!call.channels.is_empty());
        self.outgoing.insert(request.0, call);
    }

    pub(crate) fn take_outgoing(
        &mut self,
        ctx: &mut LinkContext,
        request: RequestId,
    ) -> Option<Outgoing> {
        let call = self.outgoing.remove(&request.0)?;
        ctx.calls_held -= call.held;
        self.with_channels.0 -= usize::from(!call.channels.is_empty());
        Some(call)
    }

    /// Adds a call of the peer that takes `held` bytes from the budget.
    pub(crate) fn add_incoming(
        &mut self,
        ctx: &LinkContext,
        request: RequestId,
        method: MethodId,
        channels: Vec<ChannelId>,
        held: usize,
    ) {
        self.with_channels.1 += usize::from(!channels.is_empty());
        let call = Incoming {
            method,
            channels,
            since: ctx.now,
            held,
            answered: false,
            sent: false,
            handler_finished: false,
        };
        self.incoming.insert(request.0, call);
    }

    /// Returns whether the peer is due to handle another call that takes `held` bytes of its budget.
    #[inline]
    pub(crate) fn peer_has_room(&self, ctx: &LinkContext, held: usize, has_channels: bool) -> bool {
        let (calls, _) = self.without_channels();
        let fits = ctx.calls_held == 0 || ctx.calls_held + held <= ctx.peer_call_payloads;
        fits && (has_channels || calls < ctx.peer_calls)
    }

    /// Returns whether the limit on the peer's calls allows another.
    ///
    /// A peer that was told the limit may exceed it by a quarter, since a cancelled handler may run on after
    /// its caller has made another call. Its calls with channels are limited by their channels; their
    /// handlers may run longer than those.
    pub(crate) fn has_room(&self, ctx: &LinkContext, has_channels: bool) -> bool {
        let limit = ctx.limits.calls;
        if !ctx.agreed.is_pooled() {
            return self.incoming.len() < limit;
        }
        let most = limit.saturating_add(limit / 4);
        if has_channels {
            return self.incoming.len() < most.saturating_add(ctx.limits.sending_channels);
        }
        let (_, calls) = self.without_channels();
        calls < most
    }

    pub(crate) fn is_unanswered(&self, request: RequestId) -> bool {
        let call = self.incoming.get(&request.0);
        call.is_some_and(|call| !call.answered)
    }

    /// Marks a call of the peer as answered. Returns its method and the channels of its arguments.
    pub(crate) fn answer(
        &mut self,
        request: RequestId,
        handler: Handler,
    ) -> Option<(MethodId, Vec<ChannelId>)> {
        let call = self.incoming.get_mut(&request.0)?;
        call.answered = true;
        call.handler_finished |= handler == Handler::Finished;
        let channels = core::mem::take(&mut call.channels);
        self.with_channels.1 -= usize::from(!channels.is_empty());
        Some((call.method, channels))
    }

    /// Ends all calls without answers. Incoming calls whose handlers run, or whose Responses are
    /// queued, stay in flight until that has ended. `reaches_peer` tells whether queued messages
    /// still reach the peer.
    pub(crate) fn end_all(
        &mut self,
        ctx: &mut LinkContext,
        connection: ConnectionId,
        reaches_peer: bool,
    ) {
        self.with_channels = (0, 0);
        for (request, call) in core::mem::take(&mut self.outgoing) {
            ctx.calls_held -= call.held;
            if !reaches_peer && !ctx.outbox.was_sent(call.place) {
                ctx.events.push_back(Event::NotSent {
                    connection,
                    request: RequestId(request),
                });
            }
        }
        self.incoming.retain(|_, call| {
            call.sent |= !call.answered;
            call.answered = true;
            let ended = call.sent && call.handler_finished;
            if ended {
                ctx.budget.release_call(call.held);
            }
            !ended
        });
    }

    /// Records that the Response of `request` was handed to the transport.
    pub(crate) fn on_response_sent(&mut self, ctx: &mut LinkContext, request: RequestId) {
        self.update(ctx, request, |call| call.sent = true);
    }

    /// Records that the handler of `request` no longer runs.
    pub(crate) fn on_handler_finished(&mut self, ctx: &mut LinkContext, request: RequestId) {
        self.update(ctx, request, |call| call.handler_finished = true);
    }

    /// Changes an incoming call and removes it once it is no longer in flight.
    #[inline]
    fn update(
        &mut self,
        ctx: &mut LinkContext,
        request: RequestId,
        change: impl FnOnce(&mut Incoming),
    ) {
        let Entry::Occupied(mut entry) = self.incoming.entry(request.0) else {
            return;
        };
        let call = entry.get_mut();
        change(call);
        if call.sent && call.handler_finished {
            ctx.budget.release_call(call.held);
            entry.remove();
            shrink(&mut self.incoming);
        }
    }
}
