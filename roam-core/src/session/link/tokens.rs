//! What an initiator says of itself, and how an acceptor asks for it anew.

use std::task::{Context, Poll};
use std::time::Duration;

use super::deferred::Deferred;
use super::handle::ConnectionHandle;
use super::shared::Shared;
use super::state::State;
use super::wait::WaitKey;
use crate::proto::{Close, CloseReason, ConnectionId, LinkId, Metadata, Refusal};
use crate::rt::{self, BoxFuture, MaybeSend};
use crate::session::error::AskError;
use crate::session::identity::Identity;

/// Tokens that are asked for and given.
#[derive(Default)]
pub(crate) struct Tokens {
    /// What we say of ourselves with each transport that we open, and when we are asked.
    pub(super) metadata: Metadata,
    /// Somebody else finds out what to say when we are asked.
    is_dynamic: bool,
    is_asked: bool,
    /// How many the peer has given, and the last.
    given: (u64, Option<Metadata>),
}

impl State {
    /// The peer asks for a token.
    #[cold]
    pub(super) fn on_token_asked(&mut self, deferred: &mut Deferred) {
        if self.tokens.is_dynamic {
            self.tokens.is_asked = true;
            self.notify(WaitKey::End(ConnectionId::ROOT), deferred);
        } else {
            self.link.give_token(&self.tokens.metadata);
        }
    }

    /// The peer has given the token that we asked for.
    #[cold]
    pub(super) fn on_token_given(&mut self, metadata: Option<Metadata>, deferred: &mut Deferred) {
        let (number, _) = self.tokens.given;
        self.tokens.given = (number + 1, metadata);
        self.notify(WaitKey::End(ConnectionId::ROOT), deferred);
    }
}

impl Shared {
    /// Sets what we say of ourselves. If it `is_dynamic`, somebody waits until we are [asked](Self::asked).
    pub(super) fn set_metadata(&self, metadata: Metadata, is_dynamic: bool) {
        let tokens = &mut self.lock().tokens;
        tokens.metadata = metadata;
        tokens.is_dynamic = is_dynamic;
    }

    /// Waits until the peer asks for a token.
    pub(in crate::session) async fn asked(&self) {
        let asked = |state: &mut State, _: &mut Deferred, _: &Context<'_>| {
            if std::mem::take(&mut state.tokens.is_asked) {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        };
        self.wait_for(WaitKey::End(ConnectionId::ROOT), asked).await;
    }

    /// Gives the token that the peer asked for.
    pub(in crate::session) fn give_token(&self, metadata: Metadata) {
        self.with(|state, _| {
            state.link.give_token(&metadata);
            state.tokens.metadata = metadata;
        });
    }
}

/// Who decides on the tokens of a link.
struct Review {
    decide: Box<Decide>,
    /// Whose link it is.
    subject: Option<Box<str>>,
}

type Decide =
    dyn Fn(Metadata) -> BoxFuture<'static, Result<Option<Identity>, Refusal>> + Send + Sync;

/// Tokens.
impl ConnectionHandle {
    /// Returns the link's id. A link that ends with its transport has none, and an initiator knows it once the handshake
    /// is complete.
    pub fn link_id(&self) -> Option<LinkId> {
        self.shared().peek(|state| state.link.link_id().cloned())
    }

    /// Has `review` decide on the tokens that the peer gives when it is [asked](Self::ask_for_token): it says who the
    /// peer is, or refuses it. The subject must remain the one of the link's present [`identity`](Self::identity).
    pub fn review_tokens<F, A>(&self, review: F)
    where
        F: Fn(Metadata) -> A + Send + Sync + 'static,
        A: Future<Output = Result<Option<Identity>, Refusal>> + MaybeSend + 'static,
    {
        let subject = self.identity().map(|identity| identity.subject.clone());
        self.link_extensions().insert(Review {
            decide: Box::new(move |metadata| Box::pin(review(metadata))),
            subject,
        });
    }

    /// Asks the peer, who opened the link, for a new token, while everything on the link goes on. Returns what it says of
    /// itself now, once that was [reviewed](Self::review_tokens); `None` if the peer has opened another transport
    /// meanwhile, and whoever accepted that has seen its metadata.
    ///
    /// The link ends with code 4401 if there is no valid token within this time, even while it has no transport; with
    /// the code of the refusal if the review refuses it; and with 4403 if the token is that of somebody else.
    ///
    /// Questions that are open at the same time are one. Dropping the future forgets the time, not the question.
    ///
    /// # Errors
    /// The link ends, or nobody can be asked: the peer only knows version 2 of the protocol, or did not open the
    /// link.
    pub async fn ask_for_token(&self, within: Duration) -> Result<Option<Metadata>, AskError> {
        let close = match rt::timeout(within, self.valid_token(within)).await {
            Some(Ok(metadata)) => return Ok(metadata),
            Some(Err(Unanswered::Unsupported)) => return Err(AskError::Unsupported),
            Some(Err(Unanswered::Ended(reason))) => return Err(AskError::Ended(reason)),
            Some(Err(Unanswered::Refused(refusal))) => {
                Close::new(refusal.code, &refusal.reason).or_else(|_| Close::new(Close::TOKEN, ""))
            }
            None => Close::new(Close::TOKEN, "no valid token in time"),
        };
        if let Ok(close) = close {
            self.close_with(close);
        }
        Err(AskError::Ended(self.closed().await))
    }

    async fn valid_token(&self, within: Duration) -> Result<Option<Metadata>, Unanswered> {
        let given = self.token(within).await?;
        let Some(metadata) = given else {
            return Ok(None);
        };
        let Some(review) = self.link_extensions().get::<Review>() else {
            return Ok(Some(metadata));
        };
        let decided = (review.decide)(metadata.clone()).await;
        let identity = decided.map_err(Unanswered::Refused)?;
        if identity.as_ref().map(|it| &it.subject) != review.subject.as_ref() {
            return Err(Unanswered::Refused(Refusal::other_principal()));
        }
        if let Some(identity) = identity {
            self.set_identity(identity);
        }
        Ok(Some(metadata))
    }

    /// Asks for a token, and waits for it.
    async fn token(&self, within: Duration) -> Result<Option<Metadata>, Unanswered> {
        let (can_ask, before) = self.shared().with(|state, _| {
            let can_ask = state.link.ask_for_token(within);
            (can_ask, state.tokens.given.0)
        });
        if !can_ask {
            return Err(Unanswered::Unsupported);
        }
        let given = |state: &mut State, _: &mut Deferred, _: &Context<'_>| {
            if let Some(reason) = state.link.close_reason() {
                return Poll::Ready(Err(Unanswered::Ended(reason.clone())));
            }
            match &state.tokens.given {
                (number, metadata) if *number > before => Poll::Ready(Ok(metadata.clone())),
                _ => Poll::Pending,
            }
        };
        let key = WaitKey::End(ConnectionId::ROOT);
        self.shared().wait_for(key, given).await
    }
}

/// Why there is no valid token.
enum Unanswered {
    Unsupported,
    Ended(CloseReason),
    Refused(Refusal),
}
