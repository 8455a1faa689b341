//! What a link needs of the layer that answers calls.

use std::sync::Arc;

use super::handle::ConnectionState;
use super::shared::LinkGuard;
use crate::proto::Request;
use crate::rt::{MaybeSend, MaybeSync};

/// Answers the calls that arrive on a connection.
pub(crate) trait Service: MaybeSend + MaybeSync + 'static {
    /// Starts handlers for `requests`, which are `None` where a call was cancelled at once.
    /// Returns how many tasks this has made ready to run.
    fn start(
        &self,
        link: &Arc<LinkGuard>,
        connection: &Arc<ConnectionState>,
        requests: &mut [Option<Request>],
    ) -> usize;
}

/// A connection and what answers its calls.
///
/// Handles do not hold the service, since a handler may well hold handles.
#[derive(Clone)]
pub(crate) struct Served {
    pub(crate) connection: Arc<ConnectionState>,
    pub(crate) service: Arc<dyn Service>,
}

impl Served {
    pub(super) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.connection, &other.connection)
    }
}

/// Runs one future after another, and aborts the one that it is asked to.
pub(crate) trait Abort: MaybeSend + MaybeSync + 'static {
    /// Drops the future of this generation, if it still runs, instead of polling it again.
    fn abort(&self, generation: u64);
}

/// Aborts the handler of a call. Dropping it does nothing.
#[derive(Clone)]
pub(crate) struct AbortHandle {
    target: Arc<dyn Abort>,
    generation: u64,
}

impl AbortHandle {
    pub(crate) fn new(target: Arc<dyn Abort>, generation: u64) -> Self {
        Self { target, generation }
    }

    pub(crate) fn abort(&self) {
        self.target.abort(self.generation);
    }
}
