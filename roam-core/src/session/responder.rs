//! What answers a call of the peer.

use std::sync::Arc;
use std::task::{self, Poll, ready};

use crate::proto::{
    ChannelId, Direction, Encoded, Failure, Link, Metadata, Refused, RequestId, outcome,
};

use super::binder::CollectedEnds;
use super::connection::ConnectionHandle;
use super::context::Context;
use super::dispatch::HandlerStopper;
use super::nonce::Claim;
use super::shared::{CallKey, NO_METADATA, State, Wait};
use super::todo::Todo;
use super::wire::Wire;

/// Answers a call once, and tells the machine when its handler is gone.
#[derive(Debug)]
pub(super) struct Responder {
    /// The call that is answered.
    context: Context,
    answered: bool,
    /// The machine knows that the handler is gone.
    released: bool,
    /// Keeps the answer, instead of the peer's being told. Channels cannot be kept: an answer that
    /// has them goes to the peer.
    claim: Option<Claim>,
    /// Set when the call is split among several: it is in flight until all of them are gone.
    parts: Option<Arc<Parts>>,
}

/// Dropped with the last part of a call.
#[derive(Debug)]
struct Parts {
    connection: ConnectionHandle,
    request: RequestId,
}

impl Drop for Parts {
    fn drop(&mut self) {
        self.connection.handler_gone(self.request);
    }
}

impl Responder {
    pub(super) fn new(context: Context) -> Self {
        Self {
            context,
            answered: false,
            released: false,
            claim: None,
            parts: None,
        }
    }

    pub(super) fn context(&self) -> &Context {
        &self.context
    }

    pub(super) fn split_off(&mut self, claim: Claim) -> Self {
        let (connection, request) = (self.context.connection.clone(), self.context.request);
        let parts = self.parts.get_or_insert_with(|| {
            Arc::new(Parts {
                connection,
                request,
            })
        });
        Self {
            context: self.context.clone(),
            answered: false,
            released: false,
            claim: Some(claim),
            parts: Some(Arc::clone(parts)),
        }
    }

    pub(super) fn answer(&mut self, metadata: &Metadata, payload: &[u8]) {
        self.answered = true;
        if let Some(claim) = &mut self.claim {
            return claim.keep(metadata, payload);
        }
        // The call may have been cancelled in between; then it has been answered.
        let _ = self.context.connection.respond(
            self.context.request,
            metadata,
            payload,
            CollectedEnds::default(),
        );
    }

    /// Answers if there is room to send, with which the handler is gone. When it is pending nobody
    /// is woken. An answer that is kept does not wait for the link.
    pub(super) fn poll_finish(
        &mut self,
        payload: &mut Encoded,
        ends: &mut CollectedEnds,
    ) -> Poll<()> {
        if self.claim.is_some() {
            self.answer_with(NO_METADATA, payload, std::mem::take(ends));
            return Poll::Ready(());
        }
        let keep = ends.directions();
        let shared = self.context.connection.shared();
        let respond = |state: &mut State, todo: &mut Todo| {
            self.poll_respond_last(state, todo, payload, &keep, ends)
        };
        let responded = ready!(shared.with(respond));
        self.finished(responded);
        Poll::Ready(())
    }

    /// Answers as soon as there is room, when [`poll_finish`](Self::poll_finish) was pending.
    pub(super) async fn finish(&mut self, payload: &mut Encoded, ends: &mut CollectedEnds) {
        let keep = ends.directions();
        let shared = self.context.connection.shared();
        let respond = |state: &mut State, todo: &mut Todo, _: &task::Context<'_>| {
            self.poll_respond_last(state, todo, payload, &keep, ends)
        };
        let responded = shared.wait_for(Wait::Room, respond).await;
        self.finished(responded);
    }

    /// Answers, and lets go of the handler; returns what could have stopped it.
    fn poll_respond_last(
        &self,
        state: &mut State,
        todo: &mut Todo,
        payload: &mut Encoded,
        keep: &[Direction],
        ends: &mut CollectedEnds,
    ) -> Poll<Result<Option<HandlerStopper>, Refused>> {
        let (connection, request) = (&self.context.connection, self.context.request);
        ready!(connection.poll_room(state));
        let (id, link) = (connection.id(), &mut state.link);
        if self.parts.is_some() {
            let channels = link.respond(id, request, NO_METADATA, keep, payload)?;
            connection.put_on_wires(state, todo, ends.take(), channels);
            return Poll::Ready(Ok(None));
        }
        let channels = link.respond_last(id, request, NO_METADATA, keep, payload)?;
        connection.put_on_wires(state, todo, ends.take(), channels);
        Poll::Ready(Ok(state.handlers.remove(&(id, request))))
    }

    fn finished(&mut self, responded: Result<Option<HandlerStopper>, Refused>) {
        match responded {
            Ok(_stopper) => {
                self.answered = true;
                self.released = self.parts.is_none();
            }
            Err(refused) => self.refused(refused),
        }
    }

    /// Answers in bytes. What is refused is not answered yet.
    pub(super) fn respond_raw(
        &mut self,
        metadata: &Metadata,
        payload: &[u8],
        keep: &[Direction],
    ) -> Result<Vec<Wire>, Refused> {
        let (id, request) = (self.context.connection.id(), self.context.request);
        self.answer_in_bytes(metadata, payload, keep.len(), |link| {
            link.respond(id, request, metadata, keep, payload)
        })
    }

    /// Answers in bytes, with so many channels that are to be relayed. What is refused is not
    /// answered yet.
    pub(super) fn respond_relayed(
        &mut self,
        metadata: &Metadata,
        payload: &[u8],
        channels: usize,
    ) -> Result<Vec<Wire>, Refused> {
        let (id, request) = (self.context.connection.id(), self.context.request);
        self.answer_in_bytes(metadata, payload, channels, |link| {
            link.respond_relayed(id, request, metadata, channels, payload)
        })
    }

    fn answer_in_bytes(
        &mut self,
        metadata: &Metadata,
        payload: &[u8],
        channels: usize,
        respond: impl FnOnce(&mut Link) -> Result<Vec<ChannelId>, Refused>,
    ) -> Result<Vec<Wire>, Refused> {
        if self.claim.is_some() && channels == 0 {
            metadata.check()?;
            self.answer(metadata, payload);
            return Ok(Vec::new());
        }
        let shared = self.context.connection.shared();
        let channels = shared.with(|state, _| respond(&mut state.link))?;
        self.answered = true;
        Ok(self.context.connection.wires(channels))
    }

    pub(super) fn fail(&mut self, failure: Failure) {
        let (metadata, payload) = failure.response();
        self.answer(&metadata, payload);
    }

    pub(super) fn answer_with(&mut self, metadata: &Metadata, payload: &[u8], ends: CollectedEnds) {
        if self.claim.is_some() && ends.is_empty() {
            return self.answer(metadata, payload);
        }
        self.answered = true;
        let responded =
            self.context
                .connection
                .respond(self.context.request, metadata, payload, ends);
        if let Err(refused) = responded {
            self.refused(refused);
        }
    }

    /// An answer was refused: the caller is told why, if it still waits.
    pub(super) fn refused(&mut self, refused: Refused) {
        self.answered = true;
        match refused {
            Refused::PayloadTooLarge { len, max } => {
                tracing::error!(len, max, "a result is too large");
                self.fail(Failure::TooLarge);
            }
            Refused::NoRoomForChannels | Refused::TooManyEnds(_) => self.fail(Failure::Busy),
            // The call was answered in between, as it was cancelled, or its connection is over.
            _ => {}
        }
    }
}

impl Drop for Responder {
    fn drop(&mut self) {
        if !self.answered {
            if std::thread::panicking() {
                self.fail(Failure::Panic);
            } else {
                self.answer(NO_METADATA, &[outcome::ERROR, outcome::CANCELLED]);
            }
        }
        if self.parts.is_none() && !self.released {
            self.context.connection.handler_gone(self.context.request);
        }
    }
}

impl ConnectionHandle {
    fn handler_gone(&self, request: RequestId) {
        let key = (self.id(), request);
        let _stopped = self.shared().with(|state, _| state.release_handler(key));
    }
}

impl State {
    /// The handler of a call is gone. What could have stopped it is to be dropped when the lock is
    /// released.
    fn release_handler(&mut self, key: CallKey) -> Option<HandlerStopper> {
        self.link.handler_gone(key.0, key.1);
        self.handlers.remove(&key)
    }
}
