//! Dispatchers: what finds the handler of a call.

use std::sync::Arc;

use super::incoming::IncomingCall;
use crate::proto::MethodId;
use crate::rt::{BoxFuture, MaybeSend, MaybeSync};
use crate::schema::MethodDescriptor;

/// Answers the calls that arrive on a connection.
///
/// `#[service]` generates one for each service; [`RoutedDispatcher`] joins several.
pub trait ServiceDispatcher: MaybeSend + MaybeSync + 'static {
    /// Returns the method with this id, if it is served here.
    fn method(&self, id: MethodId) -> Option<&'static MethodDescriptor>;

    /// Answers a call.
    ///
    /// The future runs in a task of its own, unless the method asks to be polled in place first.
    /// Dropping it answers the call with Cancelled.
    fn dispatch(&self, call: IncomingCall) -> BoxFuture<'static, ()>;
}

impl<D: ServiceDispatcher + ?Sized> ServiceDispatcher for Arc<D> {
    fn method(&self, id: MethodId) -> Option<&'static MethodDescriptor> {
        (**self).method(id)
    }

    fn dispatch(&self, call: IncomingCall) -> BoxFuture<'static, ()> {
        (**self).dispatch(call)
    }
}

/// Serves nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoDispatcher;

impl ServiceDispatcher for NoDispatcher {
    fn method(&self, _: MethodId) -> Option<&'static MethodDescriptor> {
        None
    }

    fn dispatch(&self, call: IncomingCall) -> BoxFuture<'static, ()> {
        Box::pin(call.unknown_method())
    }
}

/// Serves several services on one connection.
///
/// A method id is unique to its service, so the order matters only when the same service is added
/// twice: then the first one answers.
#[derive(Clone, Default)]
pub struct RoutedDispatcher {
    services: Vec<Arc<dyn ServiceDispatcher>>,
}

impl RoutedDispatcher {
    /// Creates a dispatcher that serves nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds everything that `dispatcher` serves.
    #[must_use]
    pub fn with(mut self, dispatcher: impl ServiceDispatcher) -> Self {
        self.services.push(Arc::new(dispatcher));
        self
    }

    fn find(
        &self,
        id: MethodId,
    ) -> Option<(&Arc<dyn ServiceDispatcher>, &'static MethodDescriptor)> {
        self.services
            .iter()
            .find_map(|service| Some((service, service.method(id)?)))
    }
}

impl ServiceDispatcher for RoutedDispatcher {
    fn method(&self, id: MethodId) -> Option<&'static MethodDescriptor> {
        self.find(id).map(|(_, method)| method)
    }

    fn dispatch(&self, call: IncomingCall) -> BoxFuture<'static, ()> {
        match self.find(call.method()) {
            Some((service, _)) => service.dispatch(call),
            None => Box::pin(call.unknown_method()),
        }
    }
}

impl std::fmt::Debug for RoutedDispatcher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RoutedDispatcher")
            .field("services", &self.services.len())
            .finish()
    }
}
