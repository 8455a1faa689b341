//! The carrier: numbers the frames of a link and sends them again on its next transport.
//!
//! It stands between the transport and the machine. Frames of messages are numbered, acknowledged and
//! kept until they are; everything else (acknowledgements, pings, the handshake of a transport) is not.
//! What was received before a transport was lost counts, what was not is sent again on the next one, so
//! each message is processed exactly once. docs/extensions.md has the bytes.

mod drain;
mod flight;
mod frame;
mod handshake;
pub mod heartbeat;
mod incoming;
mod outgoing;
mod replay;
mod settings;
mod token;

pub use frame::{Attach, Drain, LinkId, Refusal, Resume, Secret};

pub(crate) use frame::HEADROOM;

use core::time::Duration;

use bytes::Bytes;

use crate::config::Config;
use crate::metadata::Metadata;

use flight::Flight;
use heartbeat::{Frames, Heartbeat};
use replay::Replay;
use settings::ToldLimits;

/// Numbers the frames of a link, and keeps them for its next transport.
#[derive(Debug)]
pub(crate) struct Carrier {
    settings: Settings,
    end: End,
    transport: Transport,
    replay: Replay,
    /// The number of the last frame that was received.
    received: u64,
    /// Bytes that were received and not acknowledged.
    unacknowledged: u64,
    /// Bytes of these in prompt frames: everything before them had been read when they came.
    prompt: u64,
    /// Everything was read that had come.
    caught_up: bool,
    flight: Flight,
    peer_limits: ToldLimits,
    control: Control,
    ready: Ready,
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
    limits: ToldLimits,
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
        /// The acceptor refused the present transport, and said when to come again.
        postponed: Option<Refusal>,
        /// The acceptor asked for a token on the present transport, and has no answer.
        is_asked: bool,
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
        /// We have asked for a token, and wait so long for the answer.
        asked: Option<Duration>,
        /// What we have advised.
        drain: Option<Drain>,
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
    /// A question for a token, or the answer.
    token: Option<Bytes>,
    drain: Option<Bytes>,
    /// The number in the last ping.
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
    /// The acceptor asks for a token, and waits so long for it.
    TokenAsked(Duration),
    /// The initiator has given the token that was asked for.
    TokenGiven(Metadata),
    /// The acceptor advises to go elsewhere.
    Drain(Drain),
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
                postponed: None,
                is_asked: false,
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
                asked: None,
                drain: None,
            },
        )
    }

    fn new(config: &Config, end: End) -> Self {
        let settings = Settings {
            heartbeat: config.heartbeat,
            dead_after: config.dead_after,
            keep: config.keep,
            handshake_timeout: config.handshake_timeout,
            limits: ToldLimits::of(config),
            first_frame: config.first_frame,
        };
        let first = config.first_frame;
        Self {
            settings,
            end,
            transport: Transport::None,
            replay: Replay::new(config.limits.replay, first),
            received: first - 1,
            unacknowledged: 0,
            prompt: 0,
            caught_up: false,
            flight: Flight::new(config.limits.replay),
            peer_limits: ToldLimits::default(),
            control: Control::default(),
            ready: Ready::default(),
            frames: Frames::default(),
        }
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

    /// Takes the acceptor's refusal of a transport, if it said when to come again.
    pub(crate) fn take_postponed(&mut self) -> Option<Refusal> {
        match &mut self.end {
            End::Initiator { postponed, .. } => postponed.take(),
            End::Acceptor { .. } => None,
        }
    }

    /// Returns the limits that the peer has told, once both ends are attached.
    pub(crate) fn peer_limits(&self) -> &ToldLimits {
        &self.peer_limits
    }

    pub(crate) fn handshake_timeout(&self) -> Duration {
        self.settings.handshake_timeout
    }

    /// Returns the memory that unacknowledged frames take, in bytes.
    pub(crate) fn replay_cost(&self) -> usize {
        self.replay.cost()
    }

    /// Returns how many frames were sent again.
    pub(crate) fn resent_frames(&self) -> u64 {
        self.replay.resent()
    }

    /// Forgets what was kept: the link has ended.
    pub(crate) fn clear(&mut self) {
        self.replay.clear();
        self.refresh();
    }
}

#[cfg(test)]
mod tests;
