//! What a nested call inherits: deadline and trace context.

use super::deadline::Deadline;
use super::trace;
use crate::proto::Metadata;

/// What a nested call inherits from its parent.
#[derive(Debug)]
pub(crate) struct Parent {
    pub(super) deadline: Option<Deadline>,
    traceparent: Option<String>,
    tracestate: Option<String>,
}

impl Parent {
    /// Creates the parent for calls of a handler, from the deadline and the metadata of its call.
    pub(crate) fn new(deadline: Option<Deadline>, metadata: &Metadata) -> Self {
        let tracestate = metadata.get_str(trace::STATE_KEY);
        Self {
            deadline,
            traceparent: trace::traceparent(metadata).map(str::to_owned),
            tracestate: tracestate.map(str::to_owned),
        }
    }

    /// Adds the parent's trace to `metadata`, unless it names one.
    pub(super) fn put_trace(self, metadata: &mut Metadata) {
        if metadata.get(trace::PARENT_KEY).is_some() {
            return;
        }
        // A `tracestate` means nothing without a `traceparent`.
        let Some(traceparent) = self.traceparent else {
            return;
        };
        metadata.push(trace::PARENT_KEY, traceparent);
        if let Some(tracestate) = self.tracestate {
            metadata.set(trace::STATE_KEY, tracestate);
        }
    }
}
