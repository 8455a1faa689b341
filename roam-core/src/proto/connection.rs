//! A virtual connection: its calls, its channels and its ids.

use std::time::Duration;

use super::budget::Charge;
use super::calls::Calls;
use super::channel::{Channel, ChannelEnd, Direction};
use super::diagnostics::Origin;
use super::env::Env;
use super::event::CloseReason;
use super::ids::{ChannelId, ConnectionId, IdAllocator, IdMap, RequestId, Role, SeenIds, shrink};
use super::message::Message;
use super::recent::RecentIds;
use super::violation::{Rule, Violation};

#[derive(Debug)]
pub(super) struct Connection {
    pub(super) id: ConnectionId,
    pub(super) calls: Calls,
    pub(super) channels: IdMap<Channel>,
    /// Where channels come from that were opened while somebody watched.
    pub(super) origins: IdMap<Origin>,
    /// When it began, if anybody watches.
    pub(super) since: Option<Duration>,
    ours: IdAllocator,
    theirs: SeenIds,
    /// Channels that the peer closed and that have been read to their end since.
    closed: RecentIds,
}

/// A message for a channel that is not live.
enum Stray {
    Over,
    NeverWas,
}

impl Connection {
    pub(super) fn new(id: ConnectionId, role: Role, since: Option<Duration>) -> Self {
        Self {
            id,
            calls: Calls::default(),
            channels: IdMap::default(),
            origins: IdMap::default(),
            since,
            ours: IdAllocator::new(role),
            theirs: SeenIds::default(),
            closed: RecentIds::default(),
        }
    }

    // What comes in.

    #[inline]
    pub(super) fn handle_data(
        &mut self,
        env: &mut Env,
        id: ChannelId,
        frame: &bytes::Bytes,
        payload: &[u8],
    ) -> Result<(), Violation> {
        if payload.len() > env.agreed.max_payload_size as usize {
            return Err(
                Rule::PayloadLimit.because(format!("channel {id}: {} bytes", payload.len()))
            );
        }
        let Some(channel) = self.channels.get_mut(&id.0) else {
            return self.handle_stray(env, id, true);
        };
        // Who sends Data makes us the receiver, also before the user knows.
        if let Channel::Unbound(unbound) = channel
            && unbound.receive.end.is_none()
            && !env.budget.change(&mut unbound.charge, Charge::Window)
        {
            self.refuse_for_room(env, id);
            return Ok(());
        }
        let wake = channel.handle_data(frame, payload).map_err(on(id))?;
        env.wake(wake, self.id, id);
        Ok(())
    }

    pub(super) fn handle_close(&mut self, env: &mut Env, id: ChannelId) -> Result<(), Violation> {
        let Some(channel) = self.channels.get_mut(&id.0) else {
            return self.handle_stray(env, id, true);
        };
        let wake = channel.handle_close().map_err(on(id))?;
        env.wake(wake, self.id, id);
        Ok(())
    }

    pub(super) fn handle_reset(&mut self, env: &mut Env, id: ChannelId) -> Result<(), Violation> {
        let Some(channel) = self.channels.get_mut(&id.0) else {
            return self.handle_stray(env, id, false);
        };
        let wake = channel.end(ChannelEnd::Reset);
        env.wake(wake, self.id, id);
        if self.is_finished_sender(id) {
            self.remove(env, id);
        }
        Ok(())
    }

    pub(super) fn handle_credit(
        &mut self,
        env: &mut Env,
        id: ChannelId,
        bytes: u32,
    ) -> Result<(), Violation> {
        let Some(channel) = self.channels.get_mut(&id.0) else {
            return self.handle_stray(env, id, false);
        };
        let wake = channel.handle_credit(bytes).map_err(on(id))?;
        env.wake(wake, self.id, id);
        self.flush_pending(env, id);
        Ok(())
    }

    /// A message for a channel that is not live: late, or wrong.
    fn handle_stray(&self, env: &Env, id: ChannelId, from_sender: bool) -> Result<(), Violation> {
        if id.0 == 0 {
            return Err(Rule::ZeroChannelId.into());
        }
        match self.stray(env.role, id) {
            Stray::NeverWas => Err(Rule::UnknownChannel.because(format!("channel {id}"))),
            Stray::Over if from_sender && self.closed.contains(id.0) => {
                Err(Rule::DataAfterClose.because(format!("channel {id}")))
            }
            Stray::Over => Ok(()),
        }
    }

    fn stray(&self, role: Role, id: ChannelId) -> Stray {
        let was = if role.owns(id.0) {
            self.ours.handed_out(id.0)
        } else {
            self.theirs.contains(id.0 / 2)
        };
        if was { Stray::Over } else { Stray::NeverWas }
    }

    /// Records ids that the peer opens. They are not live before [`open`](Self::open).
    pub(super) fn admit(&mut self, env: &Env, ids: &[ChannelId]) -> Result<(), Violation> {
        for &id in ids {
            if id.0 == 0 {
                return Err(Rule::ZeroChannelId.into());
            }
            if !env.role.peer().owns(id.0) {
                return Err(Rule::ChannelIdParity.because(format!("channel {id}")));
            }
            if !self.theirs.insert(id.0 / 2) {
                return Err(Rule::ChannelIdReused.because(format!("channel {id}")));
            }
        }
        Ok(())
    }

    /// Makes admitted ids live, if there is room for all of them: those in the arguments of `call`,
    /// or in a result. In arguments, room for a window is only taken when the end turns out to be
    /// a receiving one; results hold hardly anything else.
    #[must_use]
    pub(super) fn open(
        &mut self,
        env: &mut Env,
        ids: &[ChannelId],
        call: Option<RequestId>,
    ) -> bool {
        let charge = if call.is_some() {
            Charge::Slot
        } else {
            Charge::Window
        };
        if ids.is_empty() {
            return true;
        }
        let taken = env.budget.take(ids.iter().map(|_| charge));
        if taken {
            let credit = env.agreed.initial_channel_credit;
            let open = |id: &ChannelId| (id.0, Channel::unbound(credit, charge, call));
            self.channels.extend(ids.iter().map(open));
        }
        taken
    }

    // What the user wants.

    /// Opens channels of ours, if there is room for all of them: those in the arguments of `call`,
    /// or in a result. A relay knows of no direction.
    pub(super) fn allocate(
        &mut self,
        env: &mut Env,
        ends: impl ExactSizeIterator<Item = Option<Direction>> + Clone,
        call: Option<RequestId>,
    ) -> Option<Vec<ChannelId>> {
        if ends.len() == 0 {
            return Some(Vec::new());
        }
        if !env.budget.take(ends.clone().map(Charge::from)) {
            return None;
        }
        let credit = env.agreed.initial_channel_credit;
        let open = |end| {
            let id = self.ours.allocate();
            let channel = match end {
                Some(direction) => Channel::new(direction, credit),
                None => Channel::relayed(credit, Charge::from(end), call),
            };
            self.channels.insert(id, channel);
            ChannelId(id)
        };
        Some(ends.map(open).collect())
    }

    /// Settles which end of a channel is here.
    pub(super) fn bind(
        &mut self,
        env: &mut Env,
        id: ChannelId,
        direction: Direction,
    ) -> Result<bool, Violation> {
        let Some(Channel::Unbound(unbound)) = self.channels.get_mut(&id.0) else {
            return Ok(false);
        };
        if !env.budget.change(&mut unbound.charge, direction.into()) {
            self.refuse_for_room(env, id);
            return Ok(false);
        }
        let Some(Channel::Unbound(unbound)) = self.channels.remove(&id.0) else {
            return Ok(false);
        };
        match unbound.bind(direction) {
            Ok(channel) => {
                self.channels.insert(id.0, channel);
                Ok(true)
            }
            Err(violation) => {
                env.budget.give(direction.into());
                Err(on(id)(violation))
            }
        }
    }

    /// There is no room for a channel of which only now shows that we are to receive on it: the
    /// call that brought it is answered `busy`; one in a result, or of a call that is over, is cut.
    fn refuse_for_room(&mut self, env: &mut Env, id: ChannelId) {
        let call = match self.channels.get(&id.0) {
            Some(Channel::Unbound(unbound)) => unbound.call,
            _ => None,
        };
        let refused = match call {
            Some(call) if env.role.owns(id.0) => self.give_up_own_call(env, call),
            Some(call) => self.give_up_call(env, call),
            None => false,
        };
        if !refused {
            self.push_reset(env, id);
            self.end_channels(env, &[id], ChannelEnd::Reset);
        }
    }

    pub(super) fn push_reset(&self, env: &mut Env, channel: ChannelId) {
        let connection = self.id;
        env.outbox.push_control(&Message::Reset {
            connection,
            channel,
        });
    }

    /// Sends what is pending on a channel, as far as credit and room go, and Close behind it.
    pub(super) fn flush_pending(&mut self, env: &mut Env, id: ChannelId) {
        let connection = self.id;
        let Some(half) = self.channels.get_mut(&id.0).and_then(Channel::sender) else {
            return;
        };
        while !half.pending.is_empty() {
            if !env.has_room() {
                env.block(half, connection, id);
                return;
            }
            if !half.spend_pending() {
                return;
            }
            half.pending.pop(|payload| {
                env.outbox.push(&Message::Data {
                    connection,
                    channel: id,
                    payload,
                });
            });
        }
        if half.finishing && half.end.is_none() {
            env.outbox.push(&Message::Close {
                connection,
                channel: id,
            });
            self.remove(env, id);
        } else {
            let wake = half.take_wake();
            env.wake(wake, connection, id);
        }
    }

    /// Forgets a channel; from now on it is over.
    pub(super) fn remove(&mut self, env: &mut Env, id: ChannelId) {
        let Some(channel) = self.channels.remove(&id.0) else {
            return;
        };
        shrink(&mut self.channels);
        if self.origins.remove(&id.0).is_some() && self.origins.is_empty() {
            self.origins = IdMap::default();
        }
        env.budget.give(channel.charge());
        if let Some(window) = channel.window() {
            env.budget.shrink(window);
        }
        if channel.ended() == Some(ChannelEnd::Closed) {
            self.closed.insert(id.0);
        }
    }

    /// Ends channels, those of a call's arguments for example. Ends that no user holds are forgotten at once.
    pub(super) fn end_channels(&mut self, env: &mut Env, ids: &[ChannelId], end: ChannelEnd) {
        for &id in ids {
            let Some(channel) = self.channels.get_mut(&id.0) else {
                continue;
            };
            let wake = channel.end(end);
            let unheld = channel.is_unheld();
            env.wake(wake, self.id, id);
            if unheld || self.is_finished_sender(id) {
                self.remove(env, id);
            }
        }
    }

    /// Cuts the channels of a call's arguments that no user has taken.
    pub(super) fn cut_unbound(&mut self, env: &mut Env, ids: &[ChannelId]) {
        for &id in ids {
            let Some(channel) = self.channels.get(&id.0).filter(|it| it.is_unheld()) else {
                continue;
            };
            if channel.ended().is_none() {
                self.push_reset(env, id);
            }
            self.remove(env, id);
        }
    }

    /// Ends everything. What users still hold of it keeps its part of the link's bounds until
    /// they let go.
    pub(super) fn end_all(&mut self, env: &mut Env, reason: &CloseReason) {
        let ids: Vec<_> = self.channels.keys().copied().map(ChannelId).collect();
        self.end_channels(env, &ids, ChannelEnd::ConnectionOver);
        self.calls.end_all(env, self.id, reason.is_heard_last());
    }

    /// Whether nobody holds anything of it: no call is in flight and no channel is left.
    pub(super) fn is_released(&self) -> bool {
        self.channels.is_empty() && self.calls.in_flight() == (0, 0)
    }

    /// Whether the user's end of `id` is gone already, and only what it left behind was here.
    fn is_finished_sender(&self, id: ChannelId) -> bool {
        matches!(self.channels.get(&id.0), Some(Channel::Sending(half)) if half.finishing)
    }
}

fn on(id: ChannelId) -> impl Fn(Violation) -> Violation {
    move |violation| {
        violation
            .rule
            .because(format!("channel {id}: {}", violation.context))
    }
}
