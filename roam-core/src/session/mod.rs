//! What users hold: connections, calls, channels, dispatchers.

mod binder;
mod busy_poll;
mod call;
mod channel;
mod child;
mod codec;
#[cfg(test)]
mod codec_tests;
mod connection;
mod connects;
mod context;
mod deadline;
mod decoder;
mod diagnostics;
mod dispatch;
mod driver;
mod ends;
mod error;
mod forward;
mod nonce;
mod pair;
mod pending;
mod pool;
mod pump;
pub mod raw;
mod reconnect;
mod relay;
mod responder;
mod responding;
mod shared;
mod sleeper;
mod todo;
mod trace;
mod tunnel;
mod unfinished;
mod waiters;
mod watch;
mod wire;

pub use binder::CollectedEnds;
pub use call::{Answer, Call, Caller, OutgoingCall};
pub use channel::{Rx, Tx, channel};
pub use codec::{DecodeError, EncodeError, Malformed};
pub use connection::ConnectionHandle;
pub use connects::{IncomingConnection, IncomingConnections, RejectError};
pub use context::Context;
pub use deadline::Deadline;
pub use diagnostics::{LinkDiagnostics, Links};
pub use dispatch::{IncomingCall, NoDispatcher, RoutedDispatcher, ServiceDispatcher};
pub use driver::{Driver, accept, connect, initiate};
pub use error::{CallError, CallFailure, ConnectError, Never, RecvError, RoamError, SendError};
pub use forward::{ForwardingDispatcher, LateBoundForwarder, LateBoundHandle, forward_connections};
pub use nonce::{MalformedNonce, NONCE_KEY, Nonce, NonceDispatcher, NonceLimits};
pub use pending::ConnectionCall;
pub use reconnect::{LinkStatus, ReconnectingClient, RetryPolicy};
pub use responding::Responding;
pub use tunnel::{Tunnel, tunnel_pair};
#[cfg(feature = "stream")]
pub use tunnel::{pump_read_to_tx, pump_rx_to_write, tunnel_stream};
#[cfg(feature = "stream")]
pub(crate) use unfinished::Unfinished;
