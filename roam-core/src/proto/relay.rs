//! Relays: what passes the channels of one link on to another, knowing nothing of what they carry.
//!
//! A proxy opens a channel of its own for each that was opened towards it, and joins the two. Which
//! way their elements go it learns from the peers: the one that sends Data or Close is the sender,
//! the one that sends Credit the receiver. Until then both channels are unbound.
//!
//! Credit is not the relay's own to give. The sender may have sent, at any time, what the receiver
//! has granted in all, though never more than one window of its own link beyond what was passed on:
//! that is what a relay holds at most. A smaller window there is topped up as elements are passed
//! on; of a larger one, what the receiver has not granted yet is held back. So a receiver that does
//! not read stops the sender, however many relays stand between them.

use super::Refused;
use super::calls::HandlerIs;
use super::channel::{Channel, ChannelEnd, Direction, SendRefused, Unbound};
use super::ids::{ChannelId, ConnectionId, MethodId, RequestId};
use super::link::Link;
use super::message::Message;
use super::metadata::Metadata;
use super::queue::ElementQueue;

/// Joins a channel that came with a call, or with its result, to one that was opened for it
/// elsewhere.
///
/// A [`step`](Self::step) is to be taken on each of its two sides at first, and later on a side
/// whose channel is [ready](super::Event::ChannelReady); when it has news for the other side, there
/// as well. So the two links need never be locked at once.
#[derive(Debug)]
pub struct Relay {
    ends: [End; 2],
    phase: Phase,
    /// Elements that were taken from the one side and could not be passed on yet.
    held: ElementQueue,
    /// Bytes that were passed on, and of which the sender's side does not know.
    passed: u32,
    /// What can still be sent on the receiver's side.
    onward: u32,
}

/// A side of a relay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Where the call came from.
    Downstream,
    /// Where it was passed on to.
    Upstream,
}

#[derive(Debug)]
struct End {
    connection: ConnectionId,
    channel: ChannelId,
    bound: bool,
    released: bool,
}

#[derive(Clone, Copy, Debug)]
enum Phase {
    /// It does not show yet who sends.
    Unknown,
    /// Elements go from one side to the other.
    Flowing { from: Side },
    /// All has been passed on, and the sender is done.
    Done { from: Side },
    /// The call has failed upstream. The answer to it ends the channel downstream as well.
    Failed,
    /// It ended other than cleanly.
    Cut,
}

/// What the peer has shown of a channel.
enum Shown {
    /// Nothing; a [`ChannelReady`](super::Event::ChannelReady) follows.
    Nothing,
    /// Which way elements go, seen from here.
    Direction(Direction),
    End(ChannelEnd),
}

/// What could be sent of the elements that are held.
struct Passed {
    bytes: u32,
    onward: u32,
}

impl Side {
    /// The side across.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::Downstream => Self::Upstream,
            Self::Upstream => Self::Downstream,
        }
    }
}

impl Relay {
    /// Joins a channel of the downstream link to one of the upstream link.
    pub fn new(downstream: (ConnectionId, ChannelId), upstream: (ConnectionId, ChannelId)) -> Self {
        let end = |(connection, channel)| End {
            connection,
            channel,
            bound: false,
            released: false,
        };
        Self {
            ends: [end(downstream), end(upstream)],
            phase: Phase::Unknown,
            held: ElementQueue::new(),
            passed: 0,
            onward: 0,
        }
    }

    /// Whether nothing is to be done any more on a side.
    pub fn is_released(&self, side: Side) -> bool {
        self.ends[side as usize].released
    }

    /// Whether it has come to its end on both sides.
    pub fn is_over(&self) -> bool {
        self.ends.iter().all(|end| end.released)
    }

    /// Does what is to be done on one side; tells whether that is news for the other.
    pub fn step(&mut self, side: Side, link: &mut Link) -> bool {
        if self.is_released(side) {
            return false;
        }
        match self.phase {
            Phase::Unknown => self.look(side, link),
            Phase::Flowing { from } if from == side => self.take_in(side, link),
            Phase::Flowing { .. } => self.pass_on(side, link),
            Phase::Done { from } if from != side => self.finish(side, link),
            Phase::Failed if side == Side::Downstream => self.wait_for_answer(link),
            // What has ended already is only forgotten.
            Phase::Done { .. } | Phase::Failed | Phase::Cut => {
                link.reset(self.end(side).connection, self.end(side).channel);
                self.released(side)
            }
        }
    }

    /// Gives the relay up: its channels are cut by the next step on each side.
    pub fn cut(&mut self) {
        self.phase = Phase::Cut;
    }

    fn end(&mut self, side: Side) -> &mut End {
        &mut self.ends[side as usize]
    }

    fn released(&mut self, side: Side) -> bool {
        self.end(side).released = true;
        !self.is_released(side.other())
    }

    fn enter(&mut self, phase: Phase, side: Side, link: &mut Link) -> bool {
        self.phase = phase;
        self.step(side, link);
        true
    }

    /// Looks which way elements go.
    fn look(&mut self, side: Side, link: &mut Link) -> bool {
        let from = match self.shown(side, link) {
            Shown::Nothing => return false,
            Shown::Direction(Direction::Receive) => side,
            Shown::Direction(Direction::Send) => side.other(),
            Shown::End(end) => return self.ended(end, side, link),
        };
        self.enter(Phase::Flowing { from }, side, link)
    }

    /// Takes in what the sender has sent, and grants it more.
    fn take_in(&mut self, side: Side, link: &mut Link) -> bool {
        if !self.bind(Direction::Receive, side, link) {
            return self.refused(side, link);
        }
        let idle = self.held.is_empty();
        let passed = std::mem::take(&mut self.passed);
        let (
            onward,
            End {
                connection,
                channel,
                ..
            },
        ) = (self.onward, &self.ends[side as usize]);
        match link.take_in(*connection, *channel, (passed, onward), &mut self.held) {
            None => idle && !self.held.is_empty(),
            Some(ChannelEnd::Closed) => self.enter(Phase::Done { from: side }, side, link),
            Some(end) => self.ended(end, side, link),
        }
    }

    /// Sends what is held as far as credit and room go.
    fn pass_on(&mut self, side: Side, link: &mut Link) -> bool {
        if !self.bind(Direction::Send, side, link) {
            return self.refused(side, link);
        }
        let idle = self.held.is_empty();
        let End {
            connection,
            channel,
            ..
        } = &self.ends[side as usize];
        match link.pass_on(*connection, *channel, &mut self.held) {
            Ok(Passed { bytes, onward }) => {
                let news = bytes > 0 || onward != self.onward || (!idle && self.held.is_empty());
                self.passed += bytes;
                self.onward = onward;
                news
            }
            Err(SendRefused::Over(end)) => self.ended(end, side, link),
            // An element that is too long for this side.
            Err(_) => self.enter(Phase::Cut, side, link),
        }
    }

    fn finish(&mut self, side: Side, link: &mut Link) -> bool {
        if !self.bind(Direction::Send, side, link) {
            return self.refused(side, link);
        }
        link.finish(self.end(side).connection, self.end(side).channel);
        self.released(side)
    }

    fn wait_for_answer(&mut self, link: &mut Link) -> bool {
        match self.shown(Side::Downstream, link) {
            Shown::End(_) => self.enter(Phase::Cut, Side::Downstream, link),
            Shown::Nothing | Shown::Direction(_) => false,
        }
    }

    /// A channel ended other than cleanly.
    fn ended(&mut self, end: ChannelEnd, side: Side, link: &mut Link) -> bool {
        let phase = match (side, end) {
            (Side::Upstream, ChannelEnd::CallOver) => Phase::Failed,
            _ => Phase::Cut,
        };
        self.enter(phase, side, link)
    }

    /// A channel could not be bound: it has ended, or there was no room for it.
    fn refused(&mut self, side: Side, link: &mut Link) -> bool {
        match self.shown(side, link) {
            Shown::End(end) => self.ended(end, side, link),
            Shown::Nothing | Shown::Direction(_) => self.enter(Phase::Cut, side, link),
        }
    }

    fn bind(&mut self, direction: Direction, side: Side, link: &mut Link) -> bool {
        let end = self.end(side);
        end.bound = end.bound || link.bind(end.connection, end.channel, direction);
        end.bound
    }

    fn shown(&self, side: Side, link: &mut Link) -> Shown {
        let end = &self.ends[side as usize];
        link.shown(end.connection, end.channel)
    }
}

impl Link {
    /// Calls a method like [`request`](Self::request), with so many channels to be joined by
    /// [`Relay`]s.
    pub fn request_relayed(
        &mut self,
        connection: ConnectionId,
        method: MethodId,
        metadata: &Metadata,
        channels: usize,
        payload: &[u8],
    ) -> Result<(RequestId, Vec<ChannelId>), Refused> {
        if !self.has_agreed() {
            return Err(Refused::NotReady);
        }
        let (connection, env) = self.live(connection).ok_or(Refused::ConnectionOver)?;
        let ends = std::iter::repeat_n(None, channels);
        connection.request(env, method, metadata, ends, payload.into())
    }

    /// Answers a call like [`respond`](Self::respond), with so many channels to be joined by
    /// [`Relay`]s.
    pub fn respond_relayed(
        &mut self,
        connection: ConnectionId,
        request: RequestId,
        metadata: &Metadata,
        channels: usize,
        payload: &[u8],
    ) -> Result<Vec<ChannelId>, Refused> {
        let (connection, env) = self.live(connection).ok_or(Refused::ConnectionOver)?;
        let ends = std::iter::repeat_n(None, channels);
        let payload = payload.into();
        connection.respond(env, request, metadata, ends, payload, HandlerIs::There)
    }

    /// Leaves a channel that the peer opened, and that nobody has bound, to a [`Relay`].
    pub fn relay(&mut self, id: ConnectionId, channel: ChannelId) {
        if let Some((connection, _)) = self.find(id)
            && let Some(channel) = connection.channels.get_mut(&channel.0)
        {
            channel.relay();
        }
    }

    fn shown(&mut self, id: ConnectionId, channel: ChannelId) -> Shown {
        let found = self
            .find(id)
            .and_then(|(connection, _)| connection.channels.get_mut(&channel.0));
        match found {
            None => Shown::End(ChannelEnd::ConnectionOver),
            Some(Channel::Unbound(unbound)) => unbound.shown(),
            Some(Channel::Sending(half)) => {
                half.wait(usize::MAX);
                half.end
                    .map_or(Shown::Direction(Direction::Send), Shown::End)
            }
            Some(Channel::Receiving(half)) => {
                half.waiting = true;
                half.end
                    .map_or(Shown::Direction(Direction::Receive), Shown::End)
            }
        }
    }

    /// Counts bytes as passed on and grants what can be sent onward; takes what has arrived if
    /// nothing is held. Tells the end when all that came before it has been passed on, and a cut
    /// at once.
    fn take_in(
        &mut self,
        id: ConnectionId,
        channel: ChannelId,
        (passed, onward): (u32, u32),
        held: &mut ElementQueue,
    ) -> Option<ChannelEnd> {
        let Some((connection, env)) = self.find(id) else {
            return Some(ChannelEnd::ConnectionOver);
        };
        let found = connection.channels.get_mut(&channel.0);
        let Some(half) = found.and_then(Channel::receiver) else {
            return Some(ChannelEnd::ConnectionOver);
        };
        if held.is_empty() {
            *held = std::mem::take(&mut half.queue);
        }
        let grant = half.window.pass_on(passed, onward);
        match half.end {
            Some(ChannelEnd::Closed) if !held.is_empty() => {}
            Some(end) => return Some(end),
            None => {
                if let Some(bytes) = grant {
                    env.outbox.push_control(&Message::Credit {
                        connection: id,
                        channel,
                        bytes,
                    });
                }
            }
        }
        half.waiting = true;
        None
    }

    /// Sends elements as far as credit and room go; a [`ChannelReady`](super::Event::ChannelReady)
    /// follows at the next Credit, when there is room again, and at the end.
    fn pass_on(
        &mut self,
        id: ConnectionId,
        channel: ChannelId,
        held: &mut ElementQueue,
    ) -> Result<Passed, SendRefused> {
        let Some((half, env)) = self.sender(id, channel) else {
            return Err(SendRefused::Over(ChannelEnd::ConnectionOver));
        };
        if let Some(end) = half.end {
            return Err(SendRefused::Over(end));
        }
        let (mut bytes, max) = (0, env.agreed.largest_element());
        while let Some(len) = held.front_len() {
            if len > max {
                return Err(SendRefused::TooLarge { len, max });
            }
            if !env.has_room() {
                env.block(half, id, channel);
                break;
            }
            if half.spend(len).is_err() {
                break;
            }
            held.pop(|payload| {
                env.outbox.push(&Message::Data {
                    connection: id,
                    channel,
                    payload,
                });
            });
            // No element is longer than a window, which is a `u32`.
            bytes += u32::try_from(len).unwrap_or(u32::MAX);
        }
        half.wait(0);
        let onward = half.credit.available();
        Ok(Passed { bytes, onward })
    }
}

impl Unbound {
    fn shown(&mut self) -> Shown {
        // A cut ends both halves; that the sender is done is only known to the one.
        if let Some(end) = self.send.end {
            return Shown::End(end);
        }
        if self.receive.used() {
            return Shown::Direction(Direction::Receive);
        }
        if self.send.credit.granted() > 0 {
            return Shown::Direction(Direction::Send);
        }
        self.receive.waiting = true;
        Shown::Nothing
    }
}
