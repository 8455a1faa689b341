//! The WebSocket subprotocols of roam.

use crate::Framing;

/// The subprotocol whose links survive their sockets.
pub const LINK: &str = "roam.v2.link";
/// The subprotocol in which a frame carries several messages.
pub const PACKED: &str = "roam.v2.packed";
/// The subprotocol in which a frame is one message.
pub const SINGLE: &str = "roam.v2";

/// Which subprotocols a client offers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Subprotocols {
    /// `roam.v2.link`, and `roam.v2.packed` and `roam.v2` for servers that do not know it.
    #[default]
    Offer,
    /// None, for servers that select none: a client that offered some would then refuse the
    /// connection.
    OfferNone,
}

/// Returns how the frames of a WebSocket with this subprotocol hold messages.
pub fn framing_of(subprotocol: Option<&str>) -> Framing {
    match subprotocol {
        Some(LINK) => Framing::Numbered,
        Some(PACKED) => Framing::Packed,
        _ => Framing::Single,
    }
}
