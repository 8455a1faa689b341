//! The roam wire protocol as a state machine without I/O.
//!
//! [`Link`] is the machine of one end of a link. A shell (an async session, a browser binding, a
//! test) feeds it received frames, commands and the time, and takes events and outgoing frames
//! from it. The machine never blocks, spawns, locks or reads a clock, so the same code runs on
//! servers, in browsers and in tests that step through it one message at a time.
//!
//! | to | use |
//! |---|---|
//! | feed input | [`Link::handle_frame`], [`Link::handle_lost`], [`Link::handle_timeout`] |
//! | make and answer calls | [`Link::calls`] |
//! | send and receive elements | [`Link::sender`], [`Link::receiver`], [`Link::channel`] |
//! | open and accept virtual connections | [`Link::open_connection`], [`Link::accept_connection`] |
//! | take output | [`Link::poll_event`], [`Link::poll_transmit`], [`Link::poll_timeout`] |
//!
//! Payloads are opaque bytes here; only the first bytes of an answer are read, see [`outcome`].

// Without `std` there is no clock, lock, thread or random hasher to reach for.
#![cfg_attr(not(test), no_std)]

extern crate alloc;

mod budget;
mod calls;
mod carrier;
mod channel;
mod close;
#[cfg(feature = "byte-streams")]
mod cobs;
pub mod coding;
mod config;
mod connection;
mod context;
mod credit;
mod diagnostics;
mod event;
pub mod failure;
mod framing;
mod header;
mod id_space;
mod ids;
mod link;
mod map;
mod memory;
mod message;
mod metadata;
mod outbox;
pub mod outcome;
mod payload;
mod queue;
mod relay;
mod shared_error;
#[cfg(feature = "byte-streams")]
mod stream;
pub mod subprotocol;
mod turns;
mod violation;

pub use budget::{LinkBudget, RemainingBudget};
pub use calls::{Handler, NewChannel, NewChannels, RequestError};
pub use carrier::heartbeat;
pub use carrier::{Attach, Drain, LinkId, Refusal, Resume, Secret};
pub use channel::{ChannelEnd, Direction, SendError};
pub use close::{Close, InvalidCloseCode, PeerClose};
pub use coding::WireError;
pub use config::{Agreed, Config, FRAME_OVERHEAD, Limits, MAX_HELLO_FRAME};
pub use diagnostics::{CallInFlight, CallStage, ChannelInFlight, ConnectionInFlight, Diagnostics};
pub use event::{CloseReason, Event, Request, Response};
pub use failure::{Failure, FailureKind};
pub use framing::{Framing, PACKED_FRAME};
pub use ids::{ChannelId, ConnectionId, MethodId, RequestId, Role};
pub use link::{Calls, Channel, Link, Load, ReadOutcome, Receiver, Sender, Stats, Traffic};
pub use memory::SharedMemory;
pub use message::{DecodeError, Hello, MAX_CHANNELS, MAX_REASON, Message};
pub use metadata::{Metadata, MetadataError, MetadataValue};
pub use outcome::Outcome;
pub use payload::{Encoded, Payload, ReceivedPayload};
pub use queue::ElementQueue;
pub use relay::{Relay, Side};
pub use shared_error::SharedError;
#[cfg(feature = "byte-streams")]
pub use stream::{PREFACE, StreamError, StreamReader, encode_frame_length};
pub use violation::{Rule, Violation};
