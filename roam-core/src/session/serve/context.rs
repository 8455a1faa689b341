//! What a handler knows of its call.

use crate::proto::{ChannelId, ConnectionId, Metadata, MethodId, RequestId};
use crate::session::call::{Call, Caller, Deadline, Parent, traceparent};
use crate::session::link::ConnectionHandle;

/// What a handler knows of its call, in addition to the arguments.
#[derive(Clone, Debug)]
pub struct Context {
    pub(crate) connection: ConnectionHandle,
    pub(crate) request: RequestId,
    pub(crate) method: MethodId,
    pub(crate) metadata: Metadata,
    pub(crate) channels: Vec<ChannelId>,
    pub(crate) deadline: Option<Deadline>,
}

impl Context {
    /// Returns the id of the connection on which the call arrived.
    pub fn connection_id(&self) -> ConnectionId {
        self.connection.id()
    }

    /// Returns the connection, to call back the caller or to notice its end.
    pub fn connection(&self) -> &ConnectionHandle {
        &self.connection
    }

    /// Returns the call's id, unique among the calls in flight of its connection.
    pub fn request_id(&self) -> RequestId {
        self.request
    }

    /// Returns the id of the called method.
    pub fn method(&self) -> MethodId {
        self.method
    }

    /// Returns the metadata that the caller sent.
    pub fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// Returns the ids of the channels in the arguments, in order.
    pub fn channels(&self) -> &[ChannelId] {
        &self.channels
    }

    /// Returns when the caller stops waiting, if it said so. The handler is aborted then. Calls that
    /// it makes inherit the deadline by [`child_call`](Self::child_call).
    pub fn deadline(&self) -> Option<Deadline> {
        self.deadline
    }

    /// Returns the trace that the call belongs to: its `traceparent` metadata, if that is
    /// well-formed as W3C's Trace Context has it. The handler's `tracing` span records it as well.
    pub fn traceparent(&self) -> Option<&str> {
        traceparent(&self.metadata)
    }

    /// Makes `call` a child of the call that this handler answers.
    ///
    /// The child inherits the deadline, whatever its own timeout. When the deadline has passed, it
    /// fails with [`FailureKind::Deadline`](crate::FailureKind::Deadline) and is not sent. Unless its
    /// metadata has a `traceparent`, it joins the same trace: it inherits the
    /// [`traceparent`](Self::traceparent) and the `tracestate`.
    ///
    /// ```
    /// # use roam_core::{CallError, Context, service};
    /// # #[service] trait Stock { async fn count(&self, item: String) -> u32; }
    /// # struct Shop { stock: StockClient }
    /// # impl Shop {
    /// async fn is_sold_out(&self, cx: &Context, item: String) -> Result<bool, CallError> {
    ///     Ok(cx.child_call(self.stock.count(item)).await? == 0)
    /// }
    /// # }
    /// ```
    pub fn child_call<C: Caller, A, T, E>(&self, call: Call<C, A, T, E>) -> Call<C, A, T, E> {
        call.parent(Parent::new(self.deadline, &self.metadata))
    }
}
