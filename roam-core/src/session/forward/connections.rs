//! Forwarding of whole connections: a virtual one upstream for each.

use std::borrow::Cow;
use std::pin::pin;

use futures::future::{Either, select};

use crate::proto::{CloseReason, Metadata};
use crate::rt;

use super::super::connection::ConnectionHandle;
use super::super::connects::{IncomingConnection, RejectError};
use super::{ForwardingDispatcher, LateBoundForwarder, LateBoundHandle};

/// The reason of a Goodbye for a connection whose other side was lost. It is not empty, as that
/// would be a graceful end.
const LOST: &str = "the peer behind this connection is lost";

/// Forwards every virtual connection that the peer of `downstream` asks for to one of its own on
/// the link of `upstream`, until the link of `downstream` is over. See
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
    /// Asks for a virtual connection on the link of `upstream` with the same metadata, answers
    /// this one as that is answered, and forwards calls both ways until either ends; then the
    /// other ends for the same reason, which is returned.
    ///
    /// # Errors
    /// When there is no connection upstream. The peer has been told why.
    pub async fn forward(self, upstream: &ConnectionHandle) -> Result<CloseReason, RejectError> {
        // Upstream may call as soon as it has accepted.
        let (forwarder, late) = LateBoundForwarder::new();
        let (upstream, metadata) = match upstream.ask(self.metadata().clone(), forwarder).await {
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
            Err(over_a_limit) => RejectError::Metadata(over_a_limit),
        }
    }
}

impl LateBoundHandle {
    /// Forwards a link that was accepted with the [`LateBoundForwarder`] of this handle: asks for
    /// a virtual connection with `metadata` on the link of `upstream`, and forwards calls both
    /// ways until either ends; then the other ends for the same reason, which is returned.
    ///
    /// `downstream` is the accepted link. Virtual connections on it are another matter: see
    /// [`forward_connections`].
    ///
    /// # Errors
    /// When there is no connection upstream. The link is closed then, and its peer is told why.
    pub async fn forward(
        self,
        downstream: &ConnectionHandle,
        upstream: &ConnectionHandle,
        metadata: Metadata,
    ) -> Result<CloseReason, RejectError> {
        let dispatcher = ForwardingDispatcher::new(downstream.clone());
        let asking = pin!(upstream.ask(metadata, dispatcher));
        let upstream = match select(asking, pin!(downstream.closed())).await {
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

/// Waits until either connection ends, and ends the other.
async fn end_together(downstream: &ConnectionHandle, upstream: &ConnectionHandle) -> CloseReason {
    let (down, up) = (pin!(downstream.closed()), pin!(upstream.closed()));
    let (reason, other) = match select(down, up).await {
        Either::Left((reason, _)) => (reason, upstream),
        Either::Right((reason, _)) => (reason, downstream),
    };
    other.close(&reason_across(&reason));
    reason
}

/// What the peer on the one side is told of the end of the other.
fn reason_across(reason: &CloseReason) -> Cow<'_, str> {
    match reason {
        CloseReason::Local(reason) | CloseReason::Goodbye(reason) => Cow::Borrowed(reason),
        CloseReason::Violation(violation) => Cow::Owned(format!(
            "the peer behind this connection broke a rule: {violation}"
        )),
        CloseReason::Idle => Cow::Borrowed("nothing was going on"),
        CloseReason::RepliesUnread | CloseReason::HandshakeTimeout | CloseReason::Lost(_) => {
            Cow::Borrowed(LOST)
        }
    }
}
