//! What a handler knows of its call.

use std::sync::Arc;

use super::extras::Extras;
use crate::proto::{ChannelId, ConnectionId, Metadata, MethodId, RequestId};
use crate::session::call::{Call, Caller, Deadline, Parent, traceparent};
use crate::session::extensions::Extensions;
use crate::session::identity::Identity;
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
    pub(super) extras: Extras,
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

    /// Returns the values that layers attached to this call.
    ///
    /// Those of its connection and of its link are at
    /// [`extensions`](ConnectionHandle::extensions) and
    /// [`link_extensions`](ConnectionHandle::link_extensions) of the
    /// [connection](Self::connection).
    pub fn extensions(&self) -> &Extensions {
        self.extras.extensions()
    }

    /// Returns who the peer is, if that is known.
    pub fn identity(&self) -> Option<Arc<Identity>> {
        self.connection.identity()
    }

    /// Sends `metadata` with the value or the error that the handler returns. It replaces what was
    /// set before. The caller gets it by [`Call::reply`].
    ///
    /// ```
    /// # use roam_core::{Context, Metadata, service};
    /// # #[service] trait Files { async fn open(&self, name: String) -> u64; }
    /// # struct Disk;
    /// impl Files for Disk {
    ///     async fn open(&self, cx: &Context, name: String) -> u64 {
    ///         cx.set_answer_metadata(Metadata::new().with("etag", "33a64df5"));
    ///         42
    ///     }
    /// }
    /// ```
    pub fn set_answer_metadata(&self, metadata: Metadata) {
        self.extras.set_answer_metadata(metadata);
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
