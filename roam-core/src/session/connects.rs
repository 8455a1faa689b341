//! Virtual connections: asking for them, and granting them.

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::{Context, Poll};

use crate::proto::{CloseReason, ConnectionId, Metadata, MetadataError, Refused, RequestId};

use super::connection::{ConnectionHandle, ConnectionState};
use super::dispatch::ServiceDispatcher;
use super::shared::{NO_METADATA, Served, State, Users, Wait};
use super::todo::Todo;

/// Why there is no virtual connection.
#[derive(Debug, thiserror::Error)]
pub enum RejectError {
    /// The peer does not want it.
    #[error("rejected: {reason}")]
    Rejected {
        /// The peer's reason.
        reason: Arc<str>,
        /// What the peer says beside.
        metadata: Metadata,
    },
    /// Our metadata is over a limit.
    #[error(transparent)]
    Metadata(MetadataError),
    /// The link ended.
    #[error("{0}")]
    Lost(CloseReason),
}

/// A Connect of ours that waits for an answer.
pub(super) struct ConnectSlot {
    dispatcher: Arc<dyn ServiceDispatcher>,
    answer: Option<Result<Granted, RejectError>>,
}

/// A connection that the peer has granted, and what it said beside.
type Granted = (Arc<ConnectionState>, Metadata);

/// The peer's Connects, and how many wait for them.
#[derive(Default)]
pub(super) struct Accepting {
    listeners: usize,
    /// Bounded by the machine's limit on connections.
    requested: VecDeque<(RequestId, Metadata)>,
}

/// The virtual connections that the peer asks for.
#[derive(Debug)]
pub struct IncomingConnections {
    users: Arc<Users>,
}

/// A virtual connection that the peer asks for. Dropping it rejects it.
#[derive(Debug)]
pub struct IncomingConnection {
    users: Arc<Users>,
    request: RequestId,
    metadata: Metadata,
    answered: bool,
}

const NOT_LISTENING: &str = "not listening";
const NOT_AWAITED: &str = "nobody waits for this connection";

impl ConnectionHandle {
    /// Asks the peer for a virtual connection, on which `dispatcher` answers its calls.
    pub async fn connect(
        &self,
        metadata: Metadata,
        dispatcher: impl ServiceDispatcher,
    ) -> Result<ConnectionHandle, RejectError> {
        let (connection, _) = self.ask(metadata, dispatcher).await?;
        Ok(connection)
    }

    /// The same, with what the peer says beside.
    pub(super) async fn ask(
        &self,
        metadata: Metadata,
        dispatcher: impl ServiceDispatcher,
    ) -> Result<(ConnectionHandle, Metadata), RejectError> {
        self.ready().await.map_err(|_| self.link_lost())?;
        let dispatcher: Arc<dyn ServiceDispatcher> = Arc::new(dispatcher);
        let asked = self.shared().with(|state, _| {
            let request = state.link.connect(&metadata)?;
            let dispatcher = Arc::clone(&dispatcher);
            let answer = None;
            state
                .connects
                .insert(request, ConnectSlot { dispatcher, answer });
            Ok(request)
        });
        let request = asked.map_err(|refused| match refused {
            Refused::Metadata(error) => RejectError::Metadata(error),
            _ => self.link_lost(),
        })?;
        let connecting = Connecting {
            users: Arc::clone(self.users()),
            request,
        };
        let answer = connecting.answer().await;
        let (state, metadata) = answer.unwrap_or_else(|| Err(self.link_lost()))?;
        let users = Arc::clone(self.users());
        Ok((ConnectionHandle::of(users, state), metadata))
    }

    /// The connections that the peer asks for. While nobody listens, they are rejected.
    pub fn listen(&self) -> IncomingConnections {
        self.shared()
            .with(|state, _| state.accepting.listeners += 1);
        IncomingConnections {
            users: Arc::clone(self.users()),
        }
    }

    fn link_lost(&self) -> RejectError {
        let reason = self.close_reason().or_else(|| self.shared().close_reason());
        RejectError::Lost(reason.expect("the link or the connection was found to be over"))
    }
}

/// Waits for the answer to a Connect; gives it up when dropped.
struct Connecting {
    users: Arc<Users>,
    request: RequestId,
}

impl Connecting {
    /// `None` when there will be none.
    async fn answer(&self) -> Option<Result<Granted, RejectError>> {
        let answer = |state: &mut State, _: &mut Todo, _: &Context<'_>| match state
            .connects
            .get_mut(&self.request)
        {
            None => Poll::Ready(None),
            Some(ConnectSlot { answer, .. }) => match answer.take() {
                None => Poll::Pending,
                answer => Poll::Ready(answer),
            },
        };
        self.users
            .shared
            .wait_for(Wait::Connect(self.request), answer)
            .await
    }
}

impl Drop for Connecting {
    fn drop(&mut self) {
        // Its dispatcher is dropped when the lock is released.
        let _slot = self.users.shared.with(|state, _| {
            state.link.forget_connect(self.request);
            let slot = state.connects.remove(&self.request)?;
            if let Some(Ok((connection, _))) = &slot.answer {
                state.link.close_connection(connection.id(), NOT_AWAITED);
            }
            Some(slot)
        });
    }
}

impl IncomingConnections {
    /// The next one; `None` when the link is over.
    pub async fn next(&mut self) -> Option<IncomingConnection> {
        let next = |state: &mut State, _: &mut Todo, _: &Context<'_>| match state
            .accepting
            .requested
            .pop_front()
        {
            None if state.link.close_reason().is_none() => Poll::Pending,
            next => Poll::Ready(next),
        };
        let (request, metadata) = self.users.shared.wait_for(Wait::Connects, next).await?;
        Some(IncomingConnection {
            users: Arc::clone(&self.users),
            request,
            metadata,
            answered: false,
        })
    }
}

impl Drop for IncomingConnections {
    fn drop(&mut self) {
        self.users.shared.with(|state, _| {
            state.accepting.listeners -= 1;
            if state.accepting.listeners == 0 {
                for (request, _) in std::mem::take(&mut state.accepting.requested) {
                    state.link.reject(request, NOT_LISTENING, NO_METADATA);
                }
            }
        });
    }
}

impl IncomingConnection {
    /// What the peer says of the connection.
    pub fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// Grants it; `dispatcher` answers its calls.
    ///
    /// # Errors
    /// When our metadata is over a limit, or the link is over. The peer's request is rejected then.
    pub fn accept(
        mut self,
        metadata: &Metadata,
        dispatcher: impl ServiceDispatcher,
    ) -> Result<ConnectionHandle, Refused> {
        let dispatcher: Arc<dyn ServiceDispatcher> = Arc::new(dispatcher);
        let accepted = self.users.shared.with(|state, _| {
            let id = state.link.accept(self.request, metadata)?;
            Ok::<_, Refused>(state.serve(id, Arc::clone(&dispatcher)))
        })?;
        self.answered = true;
        Ok(ConnectionHandle::of(Arc::clone(&self.users), accepted))
    }

    /// Refuses it.
    ///
    /// # Errors
    /// When our metadata is over a limit. It is left out, and the peer's request refused all the
    /// same.
    pub fn reject(mut self, reason: &str, metadata: &Metadata) -> Result<(), MetadataError> {
        let checked = metadata.check();
        let metadata = if checked.is_ok() {
            metadata
        } else {
            NO_METADATA
        };
        self.answer_with_reject(reason, metadata);
        checked
    }

    fn answer_with_reject(&mut self, reason: &str, metadata: &Metadata) {
        self.answered = true;
        self.users
            .shared
            .with(|state, _| state.link.reject(self.request, reason, metadata));
    }
}

impl Drop for IncomingConnection {
    fn drop(&mut self) {
        if !self.answered {
            self.answer_with_reject(NOT_LISTENING, NO_METADATA);
        }
    }
}

impl State {
    /// Has `dispatcher` answer the calls on a new connection.
    fn serve(
        &mut self,
        id: ConnectionId,
        dispatcher: Arc<dyn ServiceDispatcher>,
    ) -> Arc<ConnectionState> {
        let connection = ConnectionState::new(id);
        let served = Served {
            connection: Arc::clone(&connection),
            dispatcher,
        };
        self.connections.insert(id, served);
        connection
    }

    pub(super) fn connect_requested(
        &mut self,
        request: RequestId,
        metadata: Metadata,
        todo: &mut Todo,
    ) {
        if self.accepting.listeners == 0 {
            self.link.reject(request, NOT_LISTENING, NO_METADATA);
            return;
        }
        self.accepting.requested.push_back((request, metadata));
        self.notify(Wait::Connects, todo);
    }

    pub(super) fn connect_answered(
        &mut self,
        request: RequestId,
        result: Result<ConnectionId, Arc<str>>,
        metadata: Metadata,
        todo: &mut Todo,
    ) {
        let Some(mut slot) = self.connects.remove(&request) else {
            return;
        };
        slot.answer = Some(match result {
            Ok(id) => Ok((self.serve(id, Arc::clone(&slot.dispatcher)), metadata)),
            Err(reason) => Err(RejectError::Rejected { reason, metadata }),
        });
        self.connects.insert(request, slot);
        self.notify(Wait::Connect(request), todo);
    }

    /// The link is over: nobody will be answered any more. Those who wait are woken by the caller.
    pub(super) fn end_connects(&mut self, todo: &mut Todo) {
        for (_, slot) in self.connects.extract_if(|_, slot| slot.answer.is_none()) {
            todo.drop_later(slot.dispatcher);
        }
        self.accepting.requested.clear();
    }
}
