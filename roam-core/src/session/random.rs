//! Ids and secrets of links.

use crate::proto::{LinkId, Secret};

/// Returns an id that nobody guesses.
pub(super) fn link_id() -> LinkId {
    LinkId::new(bytes().to_vec()).expect("16 bytes make an id")
}

pub(super) fn secret() -> Secret {
    Secret::new(bytes())
}

/// Returns a fraction of all `u32`; without randomness, nearly all of them, for waits are as long as possible then.
pub(super) fn share() -> u32 {
    getrandom::u32().unwrap_or(u32::MAX)
}

/// # Panics
/// Panics where the system has no randomness: anybody could then take over any link.
fn bytes() -> [u8; Secret::LEN] {
    let mut bytes = [0; Secret::LEN];
    getrandom::fill(&mut bytes).expect("the system has randomness");
    bytes
}
