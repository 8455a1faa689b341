//! Links that outlive their transports.
//!
//! The initiator [dials](redial) again when a transport is lost; the acceptor [keeps](kept) the link until
//! the initiator comes back.

mod acceptor;
mod ended;
mod kept;
mod redial;
mod seat;

pub use acceptor::{Accepted, Acceptor, Incoming, NewLink};
pub use kept::KeptDriver;
pub use redial::DialedDriver;
pub(in crate::session) use redial::Dialing;

use crate::transport::TransportError;

/// Returns whether the peer does not want another transport.
fn is_final(error: &TransportError) -> bool {
    match error {
        TransportError::Closed(close) => close.is_final(),
        TransportError::Violation(_) | TransportError::OnlyVersion2 => true,
        _ => false,
    }
}
