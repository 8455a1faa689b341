//! Configuration: a link's settings, and the limits on what a peer can make us hold.

use alloc::sync::Arc;
use core::time::Duration;

use crate::framing::Framing;
use crate::memory::SharedMemory;
use crate::message::Hello;

/// The settings of one end of a link.
///
/// ```
/// let config = roam_proto::Config::default().with_initial_channel_credit(1 << 20);
/// assert_eq!(config.max_payload_size, 1 << 20);
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Config {
    /// The largest payload of a call or an element, in bytes. The smaller value of the two peers
    /// applies. Default: 1 MiB.
    pub max_payload_size: u32,
    /// How much a channel's sender may send before its reader has read anything, in bytes. The
    /// smaller value of the two peers applies. With a peer that only knows version 2, the largest element is
    /// half of it. Default: 256 KiB.
    pub initial_channel_credit: u32,
    /// How long the peer may take to finish the handshake before the link ends. Default: 5 s.
    pub handshake_timeout: Duration,
    /// How long a link may be idle before it is closed: without traffic other than heartbeats, and with
    /// nothing in flight (no call, no channel, no Connect). Closing may take up to twice as long.
    /// Default: `None`, never.
    pub idle_timeout: Option<Duration>,
    /// How long a transport may be silent, in either direction, before its acceptor sends a ping. The
    /// acceptor's value counts. Links that only know version 2 of the protocol have no heartbeat, except for
    /// the WebSocket pings of native programs, where each end's own value counts.
    /// Default: 15 s, since many proxies close connections that are silent for a minute.
    pub heartbeat: Duration,
    /// After how much silence of the peer a transport is given up. The acceptor's value counts.
    /// Default: 30 s.
    pub dead_after: Duration,
    /// How long a link that has lost its transport is kept, for its initiator to come back on another.
    /// Calls and channels wait meanwhile. The acceptor's value counts. Zero keeps none. Default: 2
    /// minutes.
    pub keep: Duration,
    /// Memory that the link shares with others. Default: `None`, it only has its own limits.
    pub memory: Option<Arc<SharedMemory>>,
    /// The number of the first frame in each direction.
    pub(crate) first_frame: u64,
    /// Bounds on what the peer can make us hold.
    pub limits: Limits,
}

/// Bounds on what a peer can make us hold, and on what we hold for it.
///
/// Answers to our own calls have no limit here. Each call brings one answer, of at most
/// [`Config::max_payload_size`] and metadata, so callers bound them by bounding their calls. A
/// limit could do nothing better than fail the call that asked for the answer.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Limits {
    /// Calls of the peer in flight on a connection. The peer is told, so that its callers wait for their turn; a
    /// quarter more are handled, and one more is answered `busy`. Calls with channels do not count, since
    /// they tend to stay open: their channels do. With a peer that only knows version 2, all calls
    /// count. Default: 1,024.
    pub calls: usize,
    /// Payloads and metadata of the peer's calls in flight on the link, in bytes. The peer is told, as of `calls`;
    /// a call that exceeds this by more than a quarter is answered `busy`. Default: 64 MiB.
    pub call_payloads: usize,
    /// Memory for the link's receiving channels, in bytes: for their state, for a pool of credit that they
    /// share, and for more credit where a reader waits. A third of it is for the state of channels, 1.5 KiB each,
    /// and at most for 10,240; a call that needs more is answered `busy`. There is always enough for one channel and
    /// two of the largest elements. Default: 48 MiB for an acceptor, 96 MiB for an initiator.
    ///
    /// With a peer that only knows version 2, a channel takes twice its window, since a tiny element costs as
    /// much again as its bytes, and at least 1 KiB.
    pub receive_budget: usize,
    /// The most that a channel towards us may have outstanding with the help of the pool, in bytes. A channel begins
    /// with the initial credit, and has more while its reader keeps up with the sender. With a peer that only
    /// knows version 2 it is the largest window, and half of `receive_budget` stays unused for it. Default: 4 MiB,
    /// which carries 40 MB/s over a round trip of 0.1 s.
    pub channel_window: u32,
    /// Channels of the link on which we only send, including those whose direction is still
    /// unknown. Default: 10,240.
    pub sending_channels: usize,
    /// Virtual connections of the link that the peer may open. An ended one counts until its last
    /// handler has finished and its last channel half was dropped. Default: 64.
    pub connections: usize,
    /// How much may be queued before senders must wait, in bytes including each frame's overhead;
    /// without packing, that is some 3,000 tiny messages. An empty queue accepts a message of any
    /// size. Where frames are numbered, calls and answers of up to 16 KiB have a queue of their own, of the same
    /// size, and each message counts as 128 bytes more: there it is some 1,900 tiny elements. Default: 256 KiB.
    pub send_buffer: usize,
    /// Replies that the peer can make us queue without reading them (Credit, Reset, Reject, `busy`
    /// and the like), in bytes including each frame's overhead; more end the link. Default: 1 MiB,
    /// enough to answer `busy` to some 30,000 calls that arrive at once.
    pub control_replies: usize,
    /// Sent frames that the peer has not acknowledged, in bytes including each frame's overhead; more
    /// wait. They are sent again when the link gets another transport. One frame of any size is always
    /// allowed. Default: 4 MiB.
    pub replay: usize,
}

/// How much longer than the largest payload a frame may be, to fit metadata and channel ids.
pub const FRAME_OVERHEAD: usize = 128 * 1024;
/// The longest frame before the handshake is complete.
pub const MAX_HELLO_FRAME: usize = 4 * 1024;

impl Default for Config {
    fn default() -> Self {
        Self {
            max_payload_size: 1 << 20,
            initial_channel_credit: 256 * 1024,
            handshake_timeout: Duration::from_secs(5),
            idle_timeout: None,
            heartbeat: Duration::from_secs(15),
            dead_after: Duration::from_secs(30),
            keep: Duration::from_mins(2),
            memory: None,
            first_frame: 1,
            limits: Limits::default(),
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            calls: 1_024,
            call_payloads: 64 << 20,
            receive_budget: 48 << 20,
            channel_window: 4 << 20,
            sending_channels: 10_240,
            connections: 64,
            send_buffer: 256 * 1024,
            control_replies: 1 << 20,
            replay: 4 << 20,
        }
    }
}

impl Config {
    /// Returns the defaults of an initiator, which has a larger budget for receiving.
    pub fn client() -> Self {
        let limits = Limits {
            receive_budget: 96 << 20,
            ..Limits::default()
        };
        Self {
            limits,
            ..Self::default()
        }
    }

    /// Sets [`max_payload_size`](Self::max_payload_size).
    #[must_use]
    pub fn with_max_payload_size(mut self, max_payload_size: u32) -> Self {
        self.max_payload_size = max_payload_size;
        self
    }

    /// Sets [`initial_channel_credit`](Self::initial_channel_credit).
    #[must_use]
    pub fn with_initial_channel_credit(mut self, initial_channel_credit: u32) -> Self {
        self.initial_channel_credit = initial_channel_credit;
        self
    }

    /// Sets [`handshake_timeout`](Self::handshake_timeout).
    #[must_use]
    pub fn with_handshake_timeout(mut self, handshake_timeout: Duration) -> Self {
        self.handshake_timeout = handshake_timeout;
        self
    }

    /// Sets [`idle_timeout`](Self::idle_timeout).
    #[must_use]
    pub fn with_idle_timeout(mut self, idle_timeout: impl Into<Option<Duration>>) -> Self {
        self.idle_timeout = idle_timeout.into();
        self
    }

    /// Sets [`heartbeat`](Self::heartbeat).
    #[must_use]
    pub fn with_heartbeat(mut self, heartbeat: Duration) -> Self {
        self.heartbeat = heartbeat;
        self
    }

    /// Sets [`dead_after`](Self::dead_after).
    #[must_use]
    pub fn with_dead_after(mut self, dead_after: Duration) -> Self {
        self.dead_after = dead_after;
        self
    }

    /// Sets [`keep`](Self::keep).
    #[must_use]
    pub fn with_keep(mut self, keep: Duration) -> Self {
        self.keep = keep;
        self
    }

    /// Sets [`memory`](Self::memory).
    #[must_use]
    pub fn with_memory(mut self, memory: impl Into<Option<Arc<SharedMemory>>>) -> Self {
        self.memory = memory.into();
        self
    }

    /// Sets the number of the first frame in each direction, which both ends must agree on. For tests.
    #[doc(hidden)]
    #[must_use]
    pub fn with_first_frame(mut self, number: u64) -> Self {
        self.first_frame = number.max(1);
        self
    }

    /// Sets [`limits`](Self::limits).
    #[must_use]
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Returns the longest frame that a transport may accept, in bytes.
    pub fn max_frame(&self) -> usize {
        max_frame(self.max_payload_size)
    }

    pub(crate) fn hello(&self) -> Hello {
        Hello {
            max_payload_size: self.max_payload_size,
            initial_channel_credit: self.initial_channel_credit,
        }
    }
}

impl Limits {
    /// Sets [`calls`](Self::calls).
    #[must_use]
    pub fn with_calls(mut self, calls: usize) -> Self {
        self.calls = calls;
        self
    }

    /// Sets [`call_payloads`](Self::call_payloads).
    #[must_use]
    pub fn with_call_payloads(mut self, call_payloads: usize) -> Self {
        self.call_payloads = call_payloads;
        self
    }

    /// Sets [`receive_budget`](Self::receive_budget).
    #[must_use]
    pub fn with_receive_budget(mut self, receive_budget: usize) -> Self {
        self.receive_budget = receive_budget;
        self
    }

    /// Sets [`channel_window`](Self::channel_window).
    #[must_use]
    pub fn with_channel_window(mut self, channel_window: u32) -> Self {
        self.channel_window = channel_window;
        self
    }

    /// Sets [`sending_channels`](Self::sending_channels).
    #[must_use]
    pub fn with_sending_channels(mut self, sending_channels: usize) -> Self {
        self.sending_channels = sending_channels;
        self
    }

    /// Sets [`connections`](Self::connections).
    #[must_use]
    pub fn with_connections(mut self, connections: usize) -> Self {
        self.connections = connections;
        self
    }

    /// Sets [`send_buffer`](Self::send_buffer).
    #[must_use]
    pub fn with_send_buffer(mut self, send_buffer: usize) -> Self {
        self.send_buffer = send_buffer;
        self
    }

    /// Sets [`control_replies`](Self::control_replies).
    #[must_use]
    pub fn with_control_replies(mut self, control_replies: usize) -> Self {
        self.control_replies = control_replies;
        self
    }

    /// Sets [`replay`](Self::replay).
    #[must_use]
    pub fn with_replay(mut self, replay: usize) -> Self {
        self.replay = replay;
        self
    }
}

/// What the two peers agreed on: the smaller of their values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Agreed {
    /// The largest payload, in bytes.
    pub max_payload_size: u32,
    /// The initial credit of every channel, in bytes.
    pub initial_channel_credit: u32,
    /// All channels share a pool of credit.
    is_pooled: bool,
}

/// Returns the longest frame for payloads of at most `payload` bytes.
fn max_frame(payload: u32) -> usize {
    // A `usize` may have 32 bits.
    (payload as usize).saturating_add(FRAME_OVERHEAD)
}

impl Agreed {
    pub(crate) fn max_frame(self) -> usize {
        max_frame(self.max_payload_size)
    }

    /// Returns what two ends agree on that know more than version 2 if they number their frames.
    pub(crate) fn between(ours: Hello, theirs: Hello, framing: Framing) -> Self {
        Self {
            is_pooled: framing == Framing::Numbered,
            max_payload_size: ours.max_payload_size.min(theirs.max_payload_size),
            initial_channel_credit: ours
                .initial_channel_credit
                .min(theirs.initial_channel_credit),
        }
    }

    /// Returns whether all channels share a pool of credit.
    #[inline]
    pub(crate) fn is_pooled(&self) -> bool {
        self.is_pooled
    }

    /// Returns the largest element of a channel, in bytes: as large as a payload.
    ///
    /// With a peer that only knows version 2 it is at most half of the initial credit, so that no legal
    /// element waits forever on a window that is a little over half full.
    pub fn largest_element(&self) -> usize {
        let window = if self.is_pooled {
            u32::MAX
        } else {
            self.initial_channel_credit / 2
        };
        window.min(self.max_payload_size) as usize
    }
}
