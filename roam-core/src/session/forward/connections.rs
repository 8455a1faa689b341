//! Forwarding whole connections: a virtual one upstream for each.

use std::borrow::Cow;
use std::pin::pin;

use futures::future::{Either, select};

use crate::proto::{CloseReason, Metadata};
use crate::rt;
use crate::session::connections::{IncomingConnection, RejectError};
use crate::session::link::ConnectionHandle;

use super::{ForwardingDispatcher, LateBoundForwarder, LateBoundHandle};

/// Closes a connection whose other side was lost. An empty reason would mean a graceful end.
const LOST: &str = "the peer behind this connection is lost";

/// Forwards each virtual connection that the peer of `downstream` asks for to one of its own on the
/// link of `upstream`, until the link of `downstream` has ended. See
/// [`IncomingConnection::forward`].
pub async fn forward_connections(downstream: &ConnectionHandle, upstream: &ConnectionHandle) {
    let mut incoming = downstream.listen();
    while let Some(incoming) = incoming.next().await {
        let upstream = upstream.clone();
        rt::spawn(async move {
            if let Err(error) = incoming.forward(&upstream).await {
                tracing::debug!(%error, "a connection was not forwarded");
            }
        });
    }
}

impl IncomingConnection {
    /// Opens a virtual connection on the link of `upstream` with the same metadata, accepts or rejects
    /// this one accordingly, and forwards calls both ways until either ends. The other then ends for
    /// the same reason, which is returned.
    ///
    /// # Errors
    /// When no connection is opened upstream. The peer has been told why.
    pub async fn forward(self, upstream: &ConnectionHandle) -> Result<CloseReason, RejectError> {
        // Upstream may call as soon as it accepts.
        let (forwarder, late) = LateBoundForwarder::new();
        let (upstream, metadata) = match upstream
            .open_connection(self.metadata().clone(), forwarder)
            .await
        {
            Ok(accepted) => accepted,
            Err(error) => return Err(self.reject_like(error)),
        };
        let dispatcher = ForwardingDispatcher::new(upstream.clone());
        let Ok(downstream) = self.accept(&metadata, dispatcher) else {
            upstream.close(LOST);
            return Ok(upstream.closed().await);
        };
        late.bind(downstream.clone());
        Ok(end_together(&downstream, &upstream).await)
    }

    fn reject_like(self, error: RejectError) -> RejectError {
        let none = Metadata::new();
        let (reason, metadata) = match &error {
            RejectError::Rejected { reason, metadata } => (&**reason, metadata),
            RejectError::Metadata(_) | RejectError::Lost(_) => (LOST, &none),
        };
        match self.reject(reason, metadata) {
            Ok(()) => error,
            Err(error) => RejectError::Metadata(error),
        }
    }
}

impl LateBoundHandle {
    /// Forwards a link that was accepted with the [`LateBoundForwarder`] of this handle: opens a
    /// virtual connection with `metadata` on the link of `upstream` and forwards calls both ways
    /// until either ends. The other then ends for the same reason, which is returned.
    ///
    /// `downstream` is the root connection of the accepted link. Its virtual connections are
    /// forwarded by [`forward_connections`].
    ///
    /// # Errors
    /// When no connection is opened upstream. The link is then closed with the reason.
    pub async fn forward(
        self,
        downstream: &ConnectionHandle,
        upstream: &ConnectionHandle,
        metadata: Metadata,
    ) -> Result<CloseReason, RejectError> {
        let dispatcher = ForwardingDispatcher::new(downstream.clone());
        let opening = pin!(upstream.open_connection(metadata, dispatcher));
        let upstream = match select(opening, pin!(downstream.closed())).await {
            Either::Left((Ok((upstream, _)), _)) => upstream,
            Either::Left((Err(error), _)) => {
                downstream.close(match &error {
                    RejectError::Rejected { reason, .. } => reason,
                    RejectError::Metadata(_) | RejectError::Lost(_) => LOST,
                });
                return Err(error);
            }
            Either::Right((reason, _)) => return Ok(reason),
        };
        self.bind(upstream.clone());
        Ok(end_together(downstream, &upstream).await)
    }
}

/// Waits until either connection ends, and closes the other.
async fn end_together(downstream: &ConnectionHandle, upstream: &ConnectionHandle) -> CloseReason {
    let (down, up) = (pin!(downstream.closed()), pin!(upstream.closed()));
    let (reason, other) = match select(down, up).await {
        Either::Left((reason, _)) => (reason, upstream),
        Either::Right((reason, _)) => (reason, downstream),
    };
    other.close(&reason_across(&reason));
    reason
}

/// Returns the reason that one side is given for the end of the other.
fn reason_across(reason: &CloseReason) -> Cow<'_, str> {
    match reason {
        CloseReason::Local(reason) | CloseReason::Goodbye(reason) => Cow::Borrowed(reason),
        CloseReason::ClosedHere(close) => Cow::Borrowed(close.reason()),
        CloseReason::ClosedByPeer(close) => Cow::Borrowed(&close.reason),
        CloseReason::Violation(violation) => Cow::Owned(format!(
            "the peer behind this connection broke a rule: {violation}"
        )),
        CloseReason::Idle => Cow::Borrowed("nothing was going on"),
        // Lost, or ended for what concerns that side alone.
        _ => Cow::Borrowed(LOST),
    }
}
