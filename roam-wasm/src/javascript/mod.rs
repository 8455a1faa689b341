//! The binding for the npm package: a link that moves encoded values.
//!
//! It is a shell around the protocol machine, an alternative to [`roam_core`]'s session: the
//! socket's events drive the machine directly, without tasks, futures or locks.
//!
//! JavaScript encodes and decodes values. A payload encodes each channel half as a zero; our
//! halves are passed separately as [`Channels`]. The outcome of a call is passed as an
//! [`OutcomeKind`] and a body. Answers arrive as calls to [`LinkEvents`] under the ids of their
//! calls, so that a call needs no wasm object and no promise. The ids are the machine's: JavaScript
//! has the only table of calls.
//!
//! Every call and channel names its connection. JavaScript has only the root connection so far: it
//! opens no others, and rejects those that the peer asks for.

mod calls;
mod channel;
mod channels;
mod clock;
mod diagnostics;
mod events;
mod failure;
mod ids;
mod link;
mod outcome;
mod receiver;
mod records;
mod sender;
mod session;
mod socket_driver;

pub use channels::Channels;
pub use events::{CloseInfo, LinkEvents};
pub use failure::Failure;
pub use link::{Link, LinkStats, OpenOptions, open};
pub use outcome::OutcomeKind;
pub use receiver::Receiver;
pub use sender::Sender;
