//! Our ids as JavaScript's numbers, which are exact up to 2^53. They count up, so they stay below.

#[allow(
    clippy::cast_precision_loss,
    reason = "ids that count up stay below 2^53"
)]
pub(super) fn to_number(id: u64) -> f64 {
    id as f64
}

#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the cast saturates, and no such id is in use"
)]
pub(super) fn from_number(number: f64) -> u64 {
    number as u64
}
