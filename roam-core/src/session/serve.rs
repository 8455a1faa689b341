//! Answering calls.

mod context;
mod dispatcher;
mod handler;
mod incoming;
mod respond;
mod responder;
mod start;

pub use context::Context;
pub use dispatcher::{NoDispatcher, RoutedDispatcher, ServiceDispatcher};
pub(super) use handler::HandlerFuture;
pub use incoming::IncomingCall;
pub use respond::Respond;
pub(super) use responder::KeepAnswer;
pub(super) use start::DispatchService;
