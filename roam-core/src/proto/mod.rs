//! The protocol as a state machine without I/O.
//!
//! [`Link`] is the machine of one end of a link. A shell feeds it with frames, commands and the
//! time, and asks it for events and for frames to send; it never blocks, spawns, or reads a clock.

mod budget;
mod calls;
mod channel;
mod cobs;
mod commands;
mod config;
mod connection;
mod connects;
mod credit;
mod diagnostics;
mod env;
mod envelope;
mod event;
mod framing;
mod idle;
mod ids;
mod incoming;
mod link;
mod message;
mod metadata;
mod outbox;
pub mod outcome;
mod payload;
mod queue;
mod recent;
mod relay;
mod stats;
mod violation;
mod wire;

pub use budget::Room;
pub use calls::Refused;
pub use channel::{ChannelEnd, Direction, SendRefused};
pub use commands::Received;
pub use config::{Agreed, Config, FRAME_OVERHEAD, Limits, MAX_HELLO_FRAME};
pub use diagnostics::{CallInFlight, CallStage, ChannelInFlight, ConnectionInFlight, Diagnostics};
pub use event::{CloseReason, Event, Request, Response};
pub use framing::{Framing, PACKED_FRAME};
pub(crate) use ids::KeyMap;
pub use ids::{ChannelId, ConnectionId, MethodId, RequestId, Role};
pub use link::Link;
pub use message::{DecodeError, Hello, MAX_CHANNELS, MAX_REASON, Message};
pub use metadata::{Metadata, MetadataError, MetadataValue};
pub use outcome::Failure;
pub use payload::{Encoded, Payload, ReceivedPayload};
pub use queue::ElementQueue;
pub use relay::{Relay, Side};
pub use stats::{Stats, Traffic};
pub use violation::{Rule, Violation};
pub(crate) use wire::Reader;
pub use wire::WireError;
