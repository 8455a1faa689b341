//! Answering calls.

mod context;
mod dispatcher;
mod extras;
mod handler;
mod hooks;
mod incoming;
mod respond;
mod responder;
mod start;
mod watch;

pub use context::Context;
pub use dispatcher::{NoDispatcher, RoutedDispatcher, ServiceDispatcher};
pub(super) use handler::HandlerFuture;
pub(super) use hooks::KeepAnswer;
pub use incoming::IncomingCall;
pub use respond::Respond;
pub(super) use start::DispatchService;
pub use watch::CallWatch;
