//! Everybody who takes part.

mod ours;
mod published;
mod raw;
mod vox;

use crate::subject::{Of, Subject};

/// All contenders, in the order of the table. The first is what the others are measured against.
pub const ALL: &[&dyn Subject] = &[
    &Of::<raw::Raw>::NEW,
    &Of::<raw::Coalesced>::NEW,
    &Of::<ours::Ours>::NEW,
    &Of::<ours::OursInline>::NEW,
    &Of::<published::Published>::NEW,
    &Of::<vox::Vox>::NEW,
];
