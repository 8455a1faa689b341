//! The WebSocket subprotocols, as both ends of a link name them.

use crate::proto::Framing;

/// The subprotocol in which a frame carries several messages.
pub const PACKED: &str = "roam.v2.packed";
/// The subprotocol in which a frame is one message.
pub const SINGLE: &str = "roam.v2";

/// What a client offers a server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Subprotocols {
    /// `roam.v2.packed`, and `roam.v2` for servers that do not know that.
    #[default]
    Offer,
    /// None, for servers that know none and so pick none: a client that offered some would refuse
    /// their answer.
    OfferNone,
}

/// How messages stand in the frames of a WebSocket on which that subprotocol was picked.
pub fn framing_of(subprotocol: Option<&str>) -> Framing {
    if subprotocol == Some(PACKED) {
        Framing::Packed
    } else {
        Framing::Single
    }
}
