//! Links that outlive their transports.
//!
//! The initiator [dials](redial) again when a transport is lost; the acceptor [keeps](kept) the link until
//! the initiator comes back.

mod acceptor;
mod kept;
pub(super) mod random;
mod redial;
mod seat;

pub use acceptor::{Accepted, Acceptor, Incoming, NewLink};
pub use kept::KeptDriver;
pub use redial::DialedDriver;

use crate::transport::TransportError;

/// Returns whether the peer has said that it does not want another transport: by a code of ours other
/// than those of a peer that was silent.
fn is_final(error: &TransportError) -> bool {
    use crate::proto::Close;
    match error {
        TransportError::Closed(close) => {
            (4_400..4_500).contains(&close.code) && close.code != Close::SILENT
        }
        TransportError::Violation(_) => true,
        _ => false,
    }
}
