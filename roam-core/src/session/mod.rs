//! What users hold: connections, calls, channels, dispatchers.

mod binder;
mod call;
mod channel;
mod codec;
#[cfg(test)]
mod codec_tests;
mod connection;
mod connects;
mod context;
mod decoder;
mod diagnostics;
mod dispatch;
mod driver;
mod ends;
mod error;
mod pair;
mod pump;
pub mod raw;
mod shared;
mod todo;
mod unfinished;
mod waiters;
mod wire;

pub use binder::CollectedEnds;
pub use call::{Answer, Call, Caller, OutgoingCall};
pub use channel::{Rx, Tx, channel};
pub use codec::{DecodeError, EncodeError, Malformed};
pub use connection::ConnectionHandle;
pub use connects::{IncomingConnection, IncomingConnections, RejectError};
pub use context::Context;
pub use diagnostics::{LinkDiagnostics, Links};
pub use dispatch::{IncomingCall, NoDispatcher, RoutedDispatcher, ServiceDispatcher};
pub use driver::{Driver, accept, connect, initiate};
pub use error::{CallError, CallFailure, ConnectError, Never, RecvError, RoamError, SendError};
