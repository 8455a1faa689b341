//! What a call that a handler makes has from the call that the handler answers.

use crate::proto::Metadata;

use super::call::{Call, Caller};
use super::context::Context;
use super::deadline::Deadline;
use super::trace;

impl Context {
    /// Makes `call` a part of the one that is answered here.
    ///
    /// It waits no longer than our caller does, whatever its own timeout, and the peer is told so;
    /// when our caller waits no more it fails with [`Failure::Deadline`](crate::Failure::Deadline)
    /// and is not sent. Unless its metadata has a `traceparent`, it goes into the same trace: it
    /// takes [ours](Self::traceparent), and our `tracestate`.
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
        let value = |key| self.metadata().get_str(key).map(str::to_owned);
        call.with_parent(Parent {
            deadline: self.deadline(),
            traceparent: self.traceparent().map(str::to_owned),
            tracestate: value(trace::STATE_KEY),
        })
    }
}

/// What a call takes of the one in whose handler it is made.
#[derive(Debug)]
pub(super) struct Parent {
    pub(super) deadline: Option<Deadline>,
    traceparent: Option<String>,
    tracestate: Option<String>,
}

impl Parent {
    /// Puts the call with this `metadata` into the parent's trace, unless it is in one.
    pub(super) fn put_trace(self, metadata: &mut Metadata) {
        if metadata.get(trace::PARENT_KEY).is_some() {
            return;
        }
        // Without the one the other says nothing.
        let Some(traceparent) = self.traceparent else {
            return;
        };
        metadata.push(trace::PARENT_KEY, traceparent);
        if let Some(tracestate) = self.tracestate {
            metadata.set(trace::STATE_KEY, tracestate);
        }
    }
}
