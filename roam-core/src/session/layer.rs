//! Layers of tower around calls, on their way in and on their way out.

mod incoming;
mod outgoing;

pub use incoming::{CallService, Dispatched, LayeredDispatcher};
pub use outgoing::{CallerService, LayeredCall, LayeredCaller};
