//! Making calls.

mod builder;
mod caller;
mod child;
mod deadline;
mod pending;
pub(super) mod signature;
mod trace;
mod typed;
mod watch;

pub use builder::{Call, Reply};
pub use caller::{Answer, Caller, OutgoingCall};
pub(super) use child::Parent;
pub use deadline::Deadline;
pub use pending::ConnectionCall;
pub(super) use pending::PendingCall;
pub(super) use trace::{handler_span, traceparent};
pub use typed::CallFuture;
pub(super) use watch::Watching;
pub use watch::{Answered, OutgoingWatch};
