//! Ids and secrets of links.

use crate::proto::{LinkId, Secret};

/// Returns an id that nobody guesses.
pub(super) fn link_id() -> LinkId {
    LinkId::new(bytes().to_vec()).expect("16 bytes make an id")
}

pub(super) fn secret() -> Secret {
    Secret::new(bytes())
}

/// # Panics
/// Panics where the system has no randomness: anybody could then take over any link.
fn bytes() -> [u8; Secret::LEN] {
    let mut bytes = [0; Secret::LEN];
    getrandom::fill(&mut bytes).expect("the system has randomness");
    bytes
}
