//! Virtual connections: opening them and accepting them.

use std::sync::Arc;
use std::task::{Context, Poll};

use super::link::deferred::Deferred;
use super::link::state::{NOT_LISTENING, OpenAnswer, OpenSlot, State};
use super::link::wait::WaitKey;
use super::link::{ConnectionHandle, LinkGuard, NO_METADATA};
use super::serve::{DispatchService, ServiceDispatcher};
use crate::proto::{CloseReason, Metadata, MetadataError, RequestError, RequestId};

/// Why a virtual connection was not opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RejectError {
    /// The peer rejected it.
    #[error("rejected: {reason}")]
    Rejected {
        /// The peer's reason.
        reason: Arc<str>,
        /// The peer's metadata.
        metadata: Metadata,
    },
    /// Our metadata exceeds a limit.
    #[error(transparent)]
    Metadata(MetadataError),
    /// The link ended.
    #[error(transparent)]
    Lost(CloseReason),
}

/// The virtual connections that the peer asks for.
#[derive(Debug)]
pub struct IncomingConnections {
    link: Arc<LinkGuard>,
}

/// A virtual connection that the peer asks for. Dropping it rejects the connection.
#[derive(Debug)]
pub struct IncomingConnection {
    link: Arc<LinkGuard>,
    request: RequestId,
    metadata: Metadata,
    answered: bool,
}

/// Closes a connection that was accepted after its opener gave up.
const NOT_AWAITED: &str = "nobody waits for this connection";

impl ConnectionHandle {
    /// Asks the peer for a virtual connection, on which `dispatcher` answers the peer's calls.
    ///
    /// Cancel safe: a connection that the peer accepts later is closed.
    pub async fn connect(
        &self,
        metadata: Metadata,
        dispatcher: impl ServiceDispatcher,
    ) -> Result<ConnectionHandle, RejectError> {
        let (connection, _) = self.open_connection(metadata, dispatcher).await?;
        Ok(connection)
    }

    /// Like [`connect`](Self::connect), but also returns the peer's metadata.
    pub(super) async fn open_connection(
        &self,
        metadata: Metadata,
        dispatcher: impl ServiceDispatcher,
    ) -> Result<(ConnectionHandle, Metadata), RejectError> {
        self.ready().await.map_err(|_| self.link_lost())?;
        let service = DispatchService::service(dispatcher);
        let opening = self.shared().with(|state, _| {
            let request = state.link.open_connection(&metadata)?;
            // A refused Connect must not drop the dispatcher under the lock.
            let service = Arc::clone(&service);
            let answer = None;
            state.opening.insert(request, OpenSlot { service, answer });
            Ok(request)
        });
        let request = opening.map_err(|error| match error {
            RequestError::Metadata(error) => RejectError::Metadata(error),
            _ => self.link_lost(),
        })?;
        let link = Arc::clone(self.link());
        let opening = Opening { link, request };
        let Some((result, metadata)) = opening.answer().await else {
            return Err(self.link_lost());
        };
        match result {
            Ok(state) => Ok((
                ConnectionHandle::of(Arc::clone(self.link()), state),
                metadata,
            )),
            Err(reason) => Err(RejectError::Rejected { reason, metadata }),
        }
    }

    /// Accepts the virtual connections that the peer asks for. While nobody listens, they are
    /// rejected.
    ///
    /// A peer may ask as soon as the handshake is complete. To miss nothing, listen before the link's
    /// driver runs: after [`LinkBuilder::dial`](crate::LinkBuilder::dial) or
    /// [`drive`](crate::LinkBuilder::drive), or in the greeting of a server.
    ///
    /// ```
    /// use roam_core::{Metadata, NoDispatcher, accept, connect};
    /// # use roam_core::proto::Framing;
    /// # use roam_core::transport::memory_pair;
    ///
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// # let (ours, theirs) = memory_pair(Framing::Packed);
    /// # let (server, driver) = accept(theirs).drive();
    /// # tokio::spawn(driver);
    /// # tokio::spawn(async move { drop(server.connect(Metadata::new(), NoDispatcher).await) });
    /// let (client, driver) = connect(ours).drive();
    /// let mut incoming = client.listen();
    /// tokio::spawn(driver);
    ///
    /// let asking = incoming.next().await.expect("the link is open");
    /// let connection = asking.accept(&Metadata::new(), NoDispatcher)?;
    /// # Ok::<(), roam_core::proto::RequestError>(())
    /// # }).unwrap();
    /// ```
    pub fn listen(&self) -> IncomingConnections {
        self.shared()
            .with(|state, _| state.requested.listeners += 1);
        IncomingConnections {
            link: Arc::clone(self.link()),
        }
    }

    fn link_lost(&self) -> RejectError {
        let reason = self.close_reason().or_else(|| self.shared().close_reason());
        RejectError::Lost(reason.expect("the link or the connection has ended"))
    }
}

/// A Connect in flight. Dropping it gives it up.
struct Opening {
    link: Arc<LinkGuard>,
    request: RequestId,
}

impl Opening {
    /// Waits for the answer; `None` when the link ended.
    async fn answer(&self) -> Option<OpenAnswer> {
        let answer = |state: &mut State, _: &mut Deferred, _: &Context<'_>| {
            let Some(slot) = state.opening.get_mut(&self.request) else {
                return Poll::Ready(None);
            };
            match slot.answer.take() {
                None => Poll::Pending,
                answer => Poll::Ready(answer),
            }
        };
        let key = WaitKey::Connect(self.request);
        self.link.shared.wait_for(key, answer).await
    }
}

impl Drop for Opening {
    fn drop(&mut self) {
        // Its service is dropped after the lock is released.
        let _slot = self.link.shared.with(|state, _| {
            state.link.abandon_open(self.request);
            let slot = state.opening.remove(&self.request)?;
            if let Some((Ok(connection), _)) = &slot.answer {
                state.link.close_connection(connection.id(), NOT_AWAITED);
            }
            Some(slot)
        });
    }
}

impl IncomingConnections {
    /// Waits for the next connection that the peer asks for; `None` when the link has ended.
    ///
    /// Cancel safe.
    pub async fn next(&mut self) -> Option<IncomingConnection> {
        let next = |state: &mut State, _: &mut Deferred, _: &Context<'_>| match state
            .requested
            .queue
            .pop_front()
        {
            None if state.link.close_reason().is_none() => Poll::Pending,
            next => Poll::Ready(next),
        };
        let (request, metadata) = self.link.shared.wait_for(WaitKey::Connects, next).await?;
        Some(IncomingConnection {
            link: Arc::clone(&self.link),
            request,
            metadata,
            answered: false,
        })
    }
}

impl Drop for IncomingConnections {
    fn drop(&mut self) {
        self.link.shared.with(|state, _| {
            state.requested.listeners -= 1;
            if state.requested.listeners == 0 {
                for (request, _) in std::mem::take(&mut state.requested.queue) {
                    (state.link).reject_connection(request, NOT_LISTENING, NO_METADATA);
                }
            }
        });
    }
}

impl IncomingConnection {
    /// Returns the metadata that the peer sent with the request.
    pub fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// Accepts the connection. `dispatcher` answers the peer's calls on it.
    ///
    /// # Errors
    /// When our metadata exceeds a limit, or the link has ended. The connection is then rejected.
    pub fn accept(
        mut self,
        metadata: &Metadata,
        dispatcher: impl ServiceDispatcher,
    ) -> Result<ConnectionHandle, RequestError> {
        let service = DispatchService::service(dispatcher);
        let accepted = self.link.shared.with(|state, _| {
            let id = state.link.accept_connection(self.request, metadata)?;
            Ok::<_, RequestError>(state.serve(id, Arc::clone(&service)))
        })?;
        self.answered = true;
        Ok(ConnectionHandle::of(Arc::clone(&self.link), accepted))
    }

    /// Rejects the connection.
    ///
    /// # Errors
    /// When our metadata exceeds a limit. The connection is rejected without it.
    pub fn reject(mut self, reason: &str, metadata: &Metadata) -> Result<(), MetadataError> {
        let checked = metadata.check();
        let metadata = if checked.is_ok() {
            metadata
        } else {
            NO_METADATA
        };
        self.send_reject(reason, metadata);
        checked
    }

    fn send_reject(&mut self, reason: &str, metadata: &Metadata) {
        self.answered = true;
        let request = self.request;
        let shared = &self.link.shared;
        shared.with(|state, _| state.link.reject_connection(request, reason, metadata));
    }
}

impl Drop for IncomingConnection {
    fn drop(&mut self) {
        if !self.answered {
            self.send_reject(NOT_LISTENING, NO_METADATA);
        }
    }
}
