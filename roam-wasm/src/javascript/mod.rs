//! What the npm package stands on: a link that moves bytes.
//!
//! It is a shell of its own around the protocol's machine, beside [`roam_core`]'s session: the
//! socket's events drive the machine directly, and no task, future or lock stands in between.
//!
//! JavaScript encodes and decodes values. Channel ends stand in payloads as zeros; what is kept of
//! them, or comes with them, travels beside as [`Ends`]. Answers come as calls of [`LinkEvents`],
//! under ids that JavaScript chose, so that a call costs no object here and no promise.

mod calls;
mod channels;
mod diagnostics;
mod ends;
mod events;
mod failure;
mod link;
mod pump;
mod receiver;
mod records;
mod sender;
mod session;

pub use ends::Ends;
pub use events::{CloseInfo, LinkEvents};
pub use failure::Failure;
pub use link::{Link, LinkStats, OpenOptions, open};
pub use receiver::Receiver;
pub use sender::Sender;
