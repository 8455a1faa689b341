//! roam

pub mod proto;
pub use proto::*;
