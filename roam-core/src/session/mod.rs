//! What users hold: connections, calls, channels, dispatchers.

mod binder;
mod call;
mod channel;
mod codec;
mod connection;
mod context;
mod dispatch;
mod driver;
mod error;
mod pair;
pub mod raw;
mod shared;
mod wire;

pub use binder::CollectedEnds;
pub use call::{Answer, Call, Caller, OutgoingCall};
pub use channel::{Rx, Tx, channel};
pub use codec::{DecodeError, EncodeError};
pub use connection::{ConnectionHandle, IncomingConnection, IncomingConnections, RejectError};
pub use context::Context;
pub use dispatch::{IncomingCall, NoDispatcher, RoutedDispatcher, ServiceDispatcher};
pub use driver::{Driver, accept, connect, initiate};
pub use error::{CallError, CallFailure, ConnectError, Never, RecvError, RoamError, SendError};
