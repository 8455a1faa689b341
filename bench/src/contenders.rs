//! Everybody who takes part.

mod jsonrpsee;
mod ours;
mod published;
mod raw;
mod remoc;
mod tarpc;
mod tonic;
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
    &Of::<jsonrpsee::Jsonrpsee>::NEW,
    &Of::<remoc::Remoc>::NEW,
    &Of::<tarpc::Tarpc>::NEW,
    &Of::<tonic::Tonic>::NEW,
];
