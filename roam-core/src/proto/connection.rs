//! A virtual connection: its calls, its channels and its ids.

use super::channel::{Channel, ChannelEnd, Direction, SendHalf};
use super::config::{Agreed, Limits};
use super::event::Event;
use super::ids::{ChannelId, ConnectionId, IdAllocator, IdMap, Role, SeenIds};
use super::message::Message;
use super::outbox::Outbox;
use super::recent::RecentIds;
use super::violation::{Rule, Violation};

use super::calls::Calls;

/// What all connections of a link share.
#[derive(Debug)]
pub(super) struct Env {
    pub(super) role: Role,
    pub(super) agreed: Agreed,
    pub(super) limits: Limits,
    pub(super) outbox: Outbox,
    pub(super) events: std::collections::VecDeque<Event>,
    pub(super) budget: Budget,
    /// Channels that wait until there is room to send.
    pub(super) blocked: Vec<(ConnectionId, ChannelId)>,
    /// Responses that nobody waited for.
    pub(super) stray_responses: u64,
}

/// What is left of the link's bounds.
#[derive(Debug)]
pub(super) struct Budget {
    /// Bytes of windows that may still be opened.
    pub(super) receive: usize,
    /// Channels that may still be opened for sending only.
    pub(super) sending: usize,
    /// Bytes of call payloads that may still be held.
    pub(super) call_payloads: usize,
}

impl Budget {
    pub(super) fn new(limits: &Limits) -> Self {
        Self {
            receive: limits.receive_budget,
            sending: limits.sending_channels,
            call_payloads: limits.call_payloads,
        }
    }
}

#[derive(Debug)]
pub(super) struct Connection {
    pub(super) id: ConnectionId,
    pub(super) calls: Calls,
    pub(super) channels: IdMap<Channel>,
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

impl Env {
    pub(super) fn window(&self) -> usize {
        self.agreed.initial_channel_credit as usize
    }

    /// Has a channel tried again when there is room to send.
    pub(super) fn block(&mut self, half: &mut SendHalf, connection: ConnectionId, channel: ChannelId) {
        if !std::mem::replace(&mut half.blocked, true) {
            self.blocked.push((connection, channel));
        }
    }

    pub(super) fn wake(&mut self, wake: bool, connection: ConnectionId, channel: ChannelId) {
        if wake {
            self.events.push_back(Event::ChannelReady { connection, channel });
        }
    }
}

impl Connection {
    pub(super) fn new(id: ConnectionId, role: Role) -> Self {
        Self {
            id,
            calls: Calls::default(),
            channels: IdMap::default(),
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
            return Err(Rule::PayloadLimit.because(format!("channel {id}: {} bytes", payload.len())));
        }
        let Some(channel) = self.channels.get_mut(&id.0) else {
            return self.handle_stray(env, id, true);
        };
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

    /// Makes admitted ids live, if there is room for all of them.
    #[must_use]
    pub(super) fn open(&mut self, env: &mut Env, ids: &[ChannelId]) -> bool {
        let windows = env.window() * ids.len();
        if windows > env.budget.receive {
            return false;
        }
        env.budget.receive -= windows;
        let credit = env.agreed.initial_channel_credit;
        self.channels.extend(ids.iter().map(|id| (id.0, Channel::unbound(credit))));
        true
    }

    // What the user wants.

    /// Opens channels of ours, if there is room for all of them.
    pub(super) fn allocate(&mut self, env: &mut Env, ends: &[Direction]) -> Option<Vec<ChannelId>> {
        let sending = ends.iter().filter(|end| **end == Direction::Send).count();
        let windows = env.window() * (ends.len() - sending);
        if windows > env.budget.receive || sending > env.budget.sending {
            return None;
        }
        env.budget.receive -= windows;
        env.budget.sending -= sending;
        let credit = env.agreed.initial_channel_credit;
        let open = |&direction| {
            let id = self.ours.allocate();
            self.channels.insert(id, Channel::new(direction, credit));
            ChannelId(id)
        };
        Some(ends.iter().map(open).collect())
    }

    /// Settles which end of a channel that the peer opened is here.
    pub(super) fn bind(
        &mut self,
        env: &mut Env,
        id: ChannelId,
        direction: Direction,
    ) -> Result<bool, Violation> {
        let Some(channel) = self.channels.get_mut(&id.0) else { return Ok(false) };
        if direction == Direction::Send {
            if env.budget.sending == 0 {
                return Ok(false);
            }
            env.budget.sending -= 1;
            env.budget.receive += env.window();
        }
        channel.bind(direction).map_err(on(id))?;
        Ok(true)
    }

    /// Sends what is pending on a channel, as far as credit and room go, and Close behind it.
    pub(super) fn flush_pending(&mut self, env: &mut Env, id: ChannelId) {
        let connection = self.id;
        let Some(half) = self.channels.get_mut(&id.0).and_then(Channel::sender) else { return };
        while !half.pending.is_empty() {
            if env.outbox.queued() >= env.limits.send_buffer {
                env.block(half, connection, id);
                return;
            }
            if !half.spend_pending() {
                return;
            }
            half.pending.pop(|payload| {
                env.outbox.push(&Message::Data { connection, channel: id, payload });
            });
        }
        if half.finishing && half.end.is_none() {
            env.outbox.push(&Message::Close { connection, channel: id });
            self.remove(env, id);
        } else {
            let wake = half.take_wake();
            env.wake(wake, connection, id);
        }
    }

    /// Forgets a channel; from now on it is over.
    pub(super) fn remove(&mut self, env: &mut Env, id: ChannelId) {
        match self.channels.remove(&id.0) {
            Some(channel) if channel.receives() => {
                env.budget.receive += env.window();
                if let Channel::Receiving(half) = channel
                    && half.end == Some(ChannelEnd::Closed)
                {
                    self.closed.insert(id.0);
                }
            }
            Some(_) => env.budget.sending += 1,
            None => {}
        }
    }

    /// Ends the channels of a call's arguments. Ends that no user holds are forgotten at once.
    pub(super) fn end_channels(&mut self, env: &mut Env, ids: &[ChannelId]) {
        for &id in ids {
            let Some(channel) = self.channels.get_mut(&id.0) else { continue };
            let wake = channel.end(ChannelEnd::CallOver);
            let unheld = matches!(channel, Channel::Unbound(..));
            env.wake(wake, self.id, id);
            if unheld || self.is_finished_sender(id) {
                self.remove(env, id);
            }
        }
    }

    /// Ends everything, and gives back what it took of the link's bounds.
    pub(super) fn end_all(&mut self, env: &mut Env) {
        let ids: Vec<_> = self.channels.keys().copied().map(ChannelId).collect();
        for id in ids {
            let Some(channel) = self.channels.get_mut(&id.0) else { continue };
            let wake = channel.end(ChannelEnd::ConnectionOver);
            env.wake(wake, self.id, id);
            let channel = &self.channels[&id.0];
            if matches!(channel, Channel::Unbound(..)) || self.is_finished_sender(id) {
                self.remove(env, id);
            }
        }
        self.calls.end_all(env);
    }

    /// Whether the user's end of `id` is gone already, and only what it left behind was here.
    fn is_finished_sender(&self, id: ChannelId) -> bool {
        matches!(self.channels.get(&id.0), Some(Channel::Sending(half)) if half.finishing)
    }
}

fn on(id: ChannelId) -> impl Fn(Violation) -> Violation {
    move |violation| violation.rule.because(format!("channel {id}: {}", violation.context))
}
