//! The contenders.

mod jsonrpsee;
mod ours;
mod published;
mod raw;
mod remoc;
mod tarpc;
mod tonic;
mod vox;

use crate::dyn_contender::{DynContender, Erased};

/// All contenders, in table order. The first is the baseline of the ratios.
pub const ALL: &[&dyn DynContender] = &[
    &Erased::<raw::Raw>::NEW,
    &Erased::<raw::Coalesced>::NEW,
    &Erased::<ours::Ours>::NEW,
    &Erased::<ours::OursInline>::NEW,
    &Erased::<ours::OursVersion2>::NEW,
    &Erased::<published::Published>::NEW,
    &Erased::<vox::Vox>::NEW,
    &Erased::<jsonrpsee::Jsonrpsee>::NEW,
    &Erased::<remoc::Remoc>::NEW,
    &Erased::<tarpc::Tarpc>::NEW,
    &Erased::<tonic::Tonic>::NEW,
];
