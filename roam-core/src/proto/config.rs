//! What a peer agrees to, and every bound on what the other can make it hold.

use std::time::Duration;

use super::message::Hello;

/// The settings of one end of a link.
///
/// ```
/// let config = roam_core::Config { initial_channel_credit: 1 << 20, ..Default::default() };
/// assert_eq!(config.max_payload_size, 1 << 20);
/// ```
#[derive(Clone, Debug)]
pub struct Config {
    /// The largest payload of a call or an element, in bytes. The smaller of the two peers' counts.
    /// Default: 1 MiB.
    pub max_payload_size: u32,
    /// What a channel's sender may send before its reader has read anything, in bytes. The smaller
    /// of the two peers' counts. The largest element is half of it. Default: 256 KiB.
    pub initial_channel_credit: u32,
    /// A peer that has not finished the handshake in this time is dropped. Default: 5 s.
    pub handshake_timeout: Duration,
    /// A link on which nothing has come or gone for so long, and on which nothing is in flight (no
    /// call, no channel, no Connect), is closed; it may take twice as long until that is noticed.
    /// There is no ping: a link on which something is in flight lasts until the transport fails,
    /// however silent the peer is. Default: `None`, never.
    pub idle_timeout: Option<Duration>,
    /// The bounds on what the peer can make us hold.
    pub limits: Limits,
}

/// Bounds on what a peer can make us hold, and on what we hold for it.
///
/// Answers to our own calls are not among it. Each call brings one, of at most
/// [`Config::max_payload_size`] and metadata, so how much they are is for whoever makes the calls
/// to bound: nothing better could be done with an answer that is one too many than to fail the call
/// that asked for it.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Calls of the peer in flight on a connection; one more is answered `busy`. Default: 256.
    pub calls: usize,
    /// Payloads and metadata of the peer's calls in flight on the link, in bytes; a call beyond it
    /// is answered `busy`. Default: 64 MiB.
    pub call_payloads: usize,
    /// What the channels of the link on which we receive may make us hold, in bytes; a call that
    /// needs more is answered `busy`. A channel takes twice its window, since a tiny element costs
    /// as much again as its bytes, and at least 1 KiB. There is always enough for one channel.
    /// Default: 16 MiB for an acceptor, 64 MiB for an initiator.
    pub receive_budget: usize,
    /// The largest window of a channel on which we receive, in bytes. A window begins as large as
    /// the initial credit, and is doubled while its reader keeps up with the sender, as long as half
    /// of `receive_budget` is left. Default: 4 MiB, which carries 40 MB/s over a round trip of
    /// 0.1 s.
    pub channel_window: u32,
    /// Channels of the link on which we only send, those among them of which it does not yet show
    /// who sends. Default: 4,096.
    pub sending_channels: usize,
    /// Virtual connections of the link that the peer may open. One that is over counts until its
    /// last handler is gone. Default: 64.
    pub connections: usize,
    /// What may wait to be sent before whoever wants to send more has to wait, in bytes with what
    /// each frame costs beside; without packing, that is some 3,000 tiny messages. When nothing
    /// waits, something may be sent in any case. Default: 256 KiB.
    pub send_buffer: usize,
    /// Replies that the peer can make us queue without reading them (Credit, Reset, Reject, `busy`
    /// and the like), in bytes with what each costs beside; with more the link ends. Default:
    /// 1 MiB, enough to answer `busy` to some 30,000 calls that come at once.
    pub control_replies: usize,
}

/// How much longer than the largest payload a frame may be: room for metadata and channel ids.
pub const FRAME_OVERHEAD: usize = 128 * 1024;
/// The longest frame before the handshake is done.
pub const MAX_HELLO_FRAME: usize = 4 * 1024;

impl Default for Config {
    fn default() -> Self {
        Self {
            max_payload_size: 1 << 20,
            initial_channel_credit: 256 * 1024,
            handshake_timeout: Duration::from_secs(5),
            idle_timeout: None,
            limits: Limits::default(),
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            calls: 256,
            call_payloads: 64 << 20,
            receive_budget: 16 << 20,
            channel_window: 4 << 20,
            sending_channels: 4_096,
            connections: 64,
            send_buffer: 256 * 1024,
            control_replies: 1 << 20,
        }
    }
}

impl Config {
    /// The defaults of the side that opens the link: a larger budget for what it receives.
    pub fn client() -> Self {
        let limits = Limits {
            receive_budget: 64 << 20,
            ..Limits::default()
        };
        Self {
            limits,
            ..Self::default()
        }
    }

    /// The longest frame that a transport may take in, in bytes.
    pub fn max_frame(&self) -> usize {
        max_frame(self.max_payload_size)
    }

    pub(super) fn hello(&self) -> Hello {
        Hello {
            max_payload_size: self.max_payload_size,
            initial_channel_credit: self.initial_channel_credit,
        }
    }
}

/// What the two peers agreed on: the smaller of what each said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Agreed {
    /// The largest payload, in bytes.
    pub max_payload_size: u32,
    /// The credit with which every channel begins, in bytes.
    pub initial_channel_credit: u32,
}

/// The longest frame, in bytes, for payloads of at most `payload`.
fn max_frame(payload: u32) -> usize {
    // A `usize` may be of 32 bits.
    (payload as usize).saturating_add(FRAME_OVERHEAD)
}

impl Agreed {
    pub(super) fn max_frame(self) -> usize {
        max_frame(self.max_payload_size)
    }

    pub(super) fn between(ours: Hello, theirs: Hello) -> Self {
        Self {
            max_payload_size: ours.max_payload_size.min(theirs.max_payload_size),
            initial_channel_credit: ours
                .initial_channel_credit
                .min(theirs.initial_channel_credit),
        }
    }

    /// The largest element of a channel, in bytes: half of the initial credit, so that a legal
    /// element never waits for ever on a window that is a little over half full.
    pub fn largest_element(&self) -> usize {
        (self.initial_channel_credit / 2).min(self.max_payload_size) as usize
    }
}
