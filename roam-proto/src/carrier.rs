//! The carrier: numbers the frames of a link and sends them again on its next transport.
//!
//! It stands between the transport and the machine. Frames of messages are numbered, acknowledged and
//! kept until they are; everything else (acknowledgements, pings, the handshake of a transport) is not.
//! What was received before a transport was lost counts, what was not is sent again on the next one, so
//! each message is processed exactly once. docs/extensions.md has the bytes.

mod frame;
mod heartbeat;
mod replay;

pub use frame::{Attach, LinkId, Refusal, Resume, Secret};

pub(crate) use frame::HEADROOM;

use alloc::string::ToString;
use core::time::Duration;

use bytes::{Bytes, BytesMut};

use crate::close::Close;
use crate::coding::Reader;
use crate::config::Config;
use crate::metadata::Metadata;
use crate::violation::{Rule, Violation};

use frame::{ACK, ATTACH, ATTACHED, Attached, DATA, DataHeader, PING, PONG, REFUSED};
use heartbeat::{Frames, Heartbeat, Verdict};
use replay::Replay;

/// Numbers the frames of a link, and keeps them for its next transport.
#[derive(Debug)]
pub(crate) struct Carrier {
    settings: Settings,
    end: End,
    transport: Transport,
    replay: Replay,
    /// The number of the last frame that was received.
    received: u64,
    /// The last number that we acknowledged.
    acknowledged: u64,
    /// Bytes that were received and not acknowledged.
    unacknowledged: u64,
    /// The size of the peer's replay buffer, in bytes.
    peer_replay: u64,
    control: Control,
    ready: Ready,
    /// The memory that short frames share: a frame is kept and sent at once, and would otherwise be counted in
    /// memory of its own. Gain: 3 % of the instructions of a lone call.
    arena: BytesMut,
    /// Frames of any kind, for the heartbeat.
    frames: Frames,
}

/// Our own settings; an initiator learns the times from the acceptor.
#[derive(Debug)]
struct Settings {
    heartbeat: Duration,
    dead_after: Duration,
    keep: Duration,
    handshake_timeout: Duration,
    /// The number of the first frame in each direction.
    first_frame: u64,
}

/// What the two ends keep of the handshakes of transports.
#[derive(Debug)]
enum End {
    Initiator {
        /// The link and the secret for its next transport, once the acceptor has told them.
        ticket: Option<(LinkId, Secret)>,
        /// Attempts to resume.
        attempts: u64,
    },
    Acceptor {
        /// `None` before the link is accepted.
        id: Option<LinkId>,
        /// The secret that the initiator surely knows.
        confirmed: Option<Secret>,
        /// The secret that was sent last, until a frame of the initiator confirms it.
        issued: Option<Secret>,
        /// The number of the last Attach; 0 for the first, `None` before it.
        last_attempt: Option<u64>,
    },
}

#[derive(Debug)]
enum Transport {
    None,
    /// The initiator waits for the answer to its Attach.
    Attaching {
        since: Duration,
    },
    Attached(Heartbeat),
}

/// Frames without a number that wait to be sent. Each kind takes one place, whatever the peer does.
#[derive(Debug, Default)]
struct Control {
    /// Attach or Attached.
    handshake: Option<Bytes>,
    /// The token of the last ping.
    pong: Option<u64>,
    ping: bool,
    ack: bool,
}

/// What may be sent: it is asked for much more often than it changes.
#[derive(Clone, Copy, Debug, Default)]
struct Ready {
    /// A frame of the carrier's own, or one that is sent again.
    control: bool,
    /// Frames of messages.
    messages: bool,
}

/// What a frame brought.
#[derive(Debug)]
pub(crate) enum Received {
    /// Messages, from this offset on.
    Messages(usize),
    /// Nothing for the machine.
    Nothing,
    /// The acceptor refused the transport, and the link with it.
    Refused(Refusal),
}

/// What became of a deadline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Silence {
    /// The peer is alive, as far as we know.
    Alive,
    /// The transport is dead.
    Dead,
}

impl Carrier {
    /// Creates the carrier of an initiator.
    pub(crate) fn initiator(config: &Config) -> Self {
        Self::new(
            config,
            End::Initiator {
                ticket: None,
                attempts: 0,
            },
        )
    }

    /// Creates the carrier of an acceptor.
    pub(crate) fn acceptor(config: &Config) -> Self {
        Self::new(
            config,
            End::Acceptor {
                id: None,
                confirmed: None,
                issued: None,
                last_attempt: None,
            },
        )
    }

    fn new(config: &Config, end: End) -> Self {
        let settings = Settings {
            heartbeat: config.heartbeat,
            dead_after: config.dead_after,
            keep: config.keep,
            handshake_timeout: config.handshake_timeout,
            first_frame: config.first_frame,
        };
        let first = config.first_frame;
        Self {
            settings,
            end,
            transport: Transport::None,
            replay: Replay::new(config.limits.replay, first),
            received: first - 1,
            acknowledged: first - 1,
            unacknowledged: 0,
            peer_replay: 0,
            control: Control::default(),
            ready: Ready::default(),
            arena: BytesMut::new(),
            frames: Frames::default(),
        }
    }

    /// Begins on another transport, as the initiator.
    pub(crate) fn attach(&mut self, metadata: &Metadata, now: Duration) {
        let End::Initiator { ticket, attempts } = &mut self.end else {
            return;
        };
        let resume = ticket.clone().map(|(link, secret)| {
            *attempts += 1;
            Resume {
                link,
                secret,
                attempt: *attempts,
                received: self.received,
            }
        });
        let attach = Attach {
            resume,
            metadata: metadata.clone(),
            replay: self.replay.limit() as u64,
        };
        self.detach();
        self.control.handshake = Some(attach.encode());
        self.transport = Transport::Attaching { since: now };
        self.refresh();
    }

    /// Accepts a new link under this id, as the acceptor: its first frame was `attach`.
    ///
    /// # Errors
    /// It is not a new link. Answer with the refusal.
    pub(crate) fn accept(
        &mut self,
        attach: &Attach,
        link: LinkId,
        secret: Secret,
        now: Duration,
    ) -> Result<(), Refusal> {
        let End::Acceptor {
            id,
            last_attempt: None,
            ..
        } = &mut self.end
        else {
            return Err(Refusal::unknown_link());
        };
        if attach.resume.is_some() {
            return Err(Refusal::unknown_link());
        }
        *id = Some(link);
        self.answer(attach, 0, secret, now);
        Ok(())
    }

    /// Tells the initiator that there is no link for it, as the acceptor.
    pub(crate) fn refuse(&mut self, refusal: &Refusal) {
        self.control.handshake = Some(refusal.encode());
        self.refresh();
    }

    /// Goes on with the link on another transport, as the acceptor.
    ///
    /// # Errors
    /// A failed attempt changes nothing. Answer it with the refusal.
    pub(crate) fn resume(
        &mut self,
        attach: &Attach,
        secret: Secret,
        now: Duration,
    ) -> Result<(), Refusal> {
        let (
            Some(resume),
            End::Acceptor {
                id,
                confirmed,
                issued,
                last_attempt,
            },
        ) = (&attach.resume, &self.end)
        else {
            return Err(Refusal::unknown_link());
        };
        let knows = |known: &Option<Secret>| known.is_some_and(|known| known.is(&resume.secret));
        // Both are compared, so that the time tells nothing.
        let (confirmed, issued) = (knows(confirmed), knows(issued));
        if id.as_ref() != Some(&resume.link) || !(confirmed | issued) {
            return Err(Refusal::unknown_link());
        }
        if last_attempt.is_none_or(|last| resume.attempt <= last) {
            return Err(Refusal::new(Close::REPLACED, "a later attempt came first"));
        }
        if let Err(violation) = self.acknowledge(resume.received) {
            return Err(Refusal::new(Close::PROTOCOL, &violation.to_string()));
        }
        if issued {
            self.confirm();
        }
        self.detach();
        self.replay.rewind();
        self.answer(attach, resume.attempt, secret, now);
        Ok(())
    }

    /// Answers an Attach, and sends what the peer has not received after that.
    fn answer(&mut self, attach: &Attach, attempt: u64, secret: Secret, now: Duration) {
        let End::Acceptor {
            id: Some(link),
            issued,
            last_attempt,
            ..
        } = &mut self.end
        else {
            return;
        };
        *issued = Some(secret);
        *last_attempt = Some(attempt);
        let attached = Attached {
            link: link.clone(),
            secret,
            attempt,
            received: self.received,
            heartbeat: self.settings.heartbeat,
            dead_after: self.settings.dead_after,
            keep: self.settings.keep,
            replay: self.replay.limit() as u64,
        };
        self.control.handshake = Some(attached.encode());
        self.on_attached(attach.replay, Some(self.settings.heartbeat), now);
    }

    fn on_attached(&mut self, peer_replay: u64, heartbeat: Option<Duration>, now: Duration) {
        self.peer_replay = peer_replay;
        self.acknowledged = self.received;
        self.unacknowledged = 0;
        self.frames = Frames::default();
        self.transport =
            Transport::Attached(Heartbeat::new(heartbeat, self.settings.dead_after, now));
        self.refresh();
    }

    /// Records that the transport is gone. Nothing is numbered or sent until the next one.
    pub(crate) fn detach(&mut self) {
        self.control = Control::default();
        self.transport = Transport::None;
        self.refresh();
    }

    pub(crate) fn is_attached(&self) -> bool {
        matches!(self.transport, Transport::Attached(_))
    }

    /// Returns the link's id, once both ends know it.
    pub(crate) fn link_id(&self) -> Option<&LinkId> {
        match &self.end {
            End::Initiator { ticket, .. } => ticket.as_ref().map(|(id, _)| id),
            End::Acceptor { id, .. } => id.as_ref(),
        }
    }

    /// Returns for how long the link is kept without a transport.
    pub(crate) fn keep(&self) -> Duration {
        match &self.end {
            End::Initiator { ticket: None, .. } => Duration::ZERO,
            // The initiator may not have learnt its secret, and then never comes back.
            End::Acceptor {
                confirmed: None, ..
            } => self.settings.keep.min(self.settings.handshake_timeout),
            _ => self.settings.keep,
        }
    }

    /// Returns the memory that unacknowledged frames take, in bytes.
    pub(crate) fn replay_cost(&self) -> usize {
        self.replay.cost()
    }

    /// Forgets what was kept: the link has ended.
    pub(crate) fn clear(&mut self) {
        self.replay.clear();
        self.refresh();
    }
}

/// Output.
impl Carrier {
    /// Returns whether a frame of messages may be sent now.
    #[inline]
    pub(crate) fn may_send(&self) -> bool {
        self.replay.has_room() && self.ready.messages
    }

    /// Finds out anew what may be sent.
    #[cold]
    fn refresh(&mut self) {
        let control = &self.control;
        self.ready = Ready {
            control: control.ack
                || control.ping
                || control.pong.is_some()
                || control.handshake.is_some()
                || (self.replay.has_unsent() && self.is_attached()),
            messages: match &self.transport {
                Transport::Attached(_) => true,
                // Messages may follow the Attach of a new link at once: then there is nothing to replay.
                Transport::Attaching { .. } => self.link_id().is_none(),
                Transport::None => false,
            },
        };
    }

    /// Returns whether [`poll_control`](Self::poll_control) has a frame.
    #[inline]
    pub(crate) fn has_control(&self) -> bool {
        self.ready.control
    }

    /// Takes the next frame that goes before new messages.
    #[inline]
    pub(crate) fn poll_control(&mut self) -> Option<Bytes> {
        if !self.has_control() {
            return None;
        }
        self.frames.sent += 1;
        let next = self.next_control();
        self.refresh();
        next
    }

    #[cold]
    fn next_control(&mut self) -> Option<Bytes> {
        if let Some(handshake) = self.control.handshake.take() {
            return Some(handshake);
        }
        if let Some(token) = self.control.pong.take() {
            return Some(frame::pong(self.take_ack(), token));
        }
        if core::mem::take(&mut self.control.ping) {
            return Some(frame::ping(self.take_ack(), self.frames.received));
        }
        if self.replay.has_unsent() && self.is_attached() {
            return self.replay.next_unsent();
        }
        let ack = self.take_ack();
        Some(frame::ack(ack))
    }

    /// Numbers a frame of messages, which has [`HEADROOM`] in front, and keeps it.
    #[inline]
    pub(crate) fn number(&mut self, messages: BytesMut) -> Bytes {
        self.frames.sent += 1;
        let ack = self.take_ack();
        let mut frame = frame::number(messages, self.replay.next_number(), ack);
        let frame = if frame.len() <= SHORT_FRAME {
            if self.arena.capacity() < frame.len() {
                self.arena = BytesMut::with_capacity(ARENA);
            }
            self.arena.extend_from_slice(&frame);
            frame = self.arena.split();
            frame.freeze()
        } else {
            frame.freeze()
        };
        self.replay.push(frame.clone());
        frame
    }

    /// Returns what to acknowledge with a frame that is about to be sent.
    #[inline]
    fn take_ack(&mut self) -> u64 {
        if core::mem::take(&mut self.control.ack) {
            self.refresh();
        }
        self.acknowledged = self.received;
        self.unacknowledged = 0;
        self.received
    }

    /// Returns when to call [`handle_timeout`](Self::handle_timeout) next.
    pub(crate) fn poll_timeout(&self) -> Option<Duration> {
        match &self.transport {
            Transport::None => None,
            Transport::Attaching { since } => {
                Some(since.saturating_add(self.settings.handshake_timeout))
            }
            Transport::Attached(heartbeat) => Some(heartbeat.next_check()),
        }
    }
}

/// Input.
impl Carrier {
    /// Takes in a frame. It counts as received: process its messages whatever becomes of the transport.
    #[inline]
    pub(crate) fn receive(&mut self, frame: &[u8]) -> Result<Received, Violation> {
        self.frames.received += 1;
        let mut reader = Reader::new(frame);
        match reader.byte()? {
            DATA if self.ready.messages => {
                self.on_data(DataHeader::decode(frame, reader)?, frame.len())
            }
            DATA => Err(Rule::HelloOrdering.because("the first frame is not Attach")),
            kind => self.on_control(kind, reader),
        }
    }

    #[inline]
    fn on_data(&mut self, header: DataHeader, len: usize) -> Result<Received, Violation> {
        self.acknowledge(header.ack)?;
        if let End::Acceptor { issued: Some(_), last_attempt, .. } = self.end
            // The first messages of a new link are sent before our answer is read.
            && (last_attempt > Some(0) || header.ack >= self.settings.first_frame)
        {
            self.confirm();
        }
        if header.seq <= self.received {
            return Ok(Received::Nothing);
        }
        if header.seq != self.received + 1 {
            return Err(Rule::DecodeError.because("a frame is missing"));
        }
        self.received = header.seq;
        self.unacknowledged += len as u64;
        // The peer must not stall when only it has something to say.
        if self.unacknowledged > self.peer_replay / ACK_SHARE {
            self.control.ack = true;
            self.refresh();
        }
        Ok(Received::Messages(header.messages))
    }

    #[inline]
    fn acknowledge(&mut self, ack: u64) -> Result<(), Violation> {
        if self.replay.acknowledge(ack) {
            return Ok(());
        }
        Err(Rule::DecodeError.because("a frame is acknowledged that was never sent"))
    }

    #[cold]
    fn confirm(&mut self) {
        if let End::Acceptor {
            confirmed, issued, ..
        } = &mut self.end
            && let Some(secret) = issued.take()
        {
            *confirmed = Some(secret);
        }
    }

    #[cold]
    fn on_control(&mut self, kind: u8, mut reader: Reader<'_>) -> Result<Received, Violation> {
        match kind {
            ACK | PING | PONG => {
                self.acknowledge(reader.varint()?)?;
                self.confirm();
                // The token of a Pong is for whoever measures round trips.
                let token = if kind == ACK { 0 } else { reader.varint()? };
                if kind == PING {
                    self.control.pong = Some(token);
                    self.refresh();
                }
            }
            ATTACH => return Err(Rule::HelloDuplicate.because("a second Attach")),
            ATTACHED => self.on_answer(Attached::decode(&mut reader)?)?,
            REFUSED => return self.on_refused(Refusal::decode(&mut reader)?),
            _ => return Err(Rule::UnknownVariant.because("unknown kind of frame")),
        }
        reader.finish()?;
        Ok(Received::Nothing)
    }

    fn on_answer(&mut self, answer: Attached) -> Result<(), Violation> {
        let (End::Initiator { ticket, attempts }, Transport::Attaching { since }) =
            (&mut self.end, &self.transport)
        else {
            return Err(Rule::HelloDuplicate.because("an unexpected Attached"));
        };
        let since = *since;
        let is_same =
            |(id, _): &(LinkId, Secret)| *id == answer.link && answer.attempt == *attempts;
        if !ticket.as_ref().is_none_or(is_same) {
            return Err(Rule::DecodeError.because("Attached for another link or attempt"));
        }
        let is_new = ticket.is_none();
        *ticket = Some((answer.link, answer.secret));
        self.settings.dead_after = answer.dead_after;
        self.settings.keep = answer.keep;
        self.acknowledge(answer.received)?;
        self.on_attached(answer.replay, None, since);
        if !is_new {
            self.replay.rewind();
        }
        // Tells the acceptor that we have the new secret.
        self.control.ack = true;
        self.refresh();
        Ok(())
    }

    fn on_refused(&mut self, refusal: Refusal) -> Result<Received, Violation> {
        match self.transport {
            Transport::Attaching { .. } => Ok(Received::Refused(refusal)),
            _ => Err(Rule::HelloDuplicate.because("an unexpected Refused")),
        }
    }

    /// Handles the deadline of [`poll_timeout`](Self::poll_timeout), if it has passed.
    pub(crate) fn handle_timeout(&mut self, now: Duration) -> Silence {
        match &mut self.transport {
            Transport::None => Silence::Alive,
            Transport::Attaching { since } => {
                if now < since.saturating_add(self.settings.handshake_timeout) {
                    return Silence::Alive;
                }
                Silence::Dead
            }
            Transport::Attached(heartbeat) => match heartbeat.check(self.frames, now) {
                Verdict::Alive => Silence::Alive,
                Verdict::Dead => Silence::Dead,
                Verdict::Ping => {
                    self.control.ping = true;
                    self.refresh();
                    Silence::Alive
                }
            },
        }
    }

    /// Asks the peer for a sign of life, which it must give within seconds: the network may have changed.
    pub(crate) fn probe(&mut self, now: Duration) {
        if let Transport::Attached(heartbeat) = &mut self.transport {
            heartbeat.probe(self.frames, now);
            self.control.ping = true;
            self.refresh();
        }
    }
}

/// The longest frame that shares memory with others, and how much they share, in bytes.
const SHORT_FRAME: usize = 256;
const ARENA: usize = 1024;

/// The share of the peer's replay buffer that may be unacknowledged before we acknowledge it in a frame
/// of its own.
const ACK_SHARE: u64 = 4;

#[cfg(test)]
mod tests;
