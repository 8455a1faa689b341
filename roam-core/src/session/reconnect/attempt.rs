//! A call, over all links on which it is sent.

use std::ops::ControlFlow;
use std::sync::Arc;

use crate::proto::FailureKind;
use crate::schema::Attribute;
use crate::session::call::{Answer, OutgoingCall};
use crate::session::error::CallFailure;
use crate::session::nonce::{NONCE_KEY, Nonce};

use super::link::{KnownStore, Link, Sending};
use super::series::Connector;

/// A call, over all links on which it is sent.
pub(super) struct Attempt {
    connector: Arc<Connector>,
    call: OutgoingCall,
    /// Whether it may be sent again to a peer that remembers its nonce.
    has_nonce: bool,
    /// Set once it was sent on a link that was lost.
    unknown: Option<Unknown>,
}

/// A call that may have had an effect.
struct Unknown {
    failure: CallFailure,
    /// When it was first sent, if the peer keeps nonces.
    sending: Option<Sending>,
}

/// The outcome of a call, or why it may be sent again.
type Sent = ControlFlow<Result<Answer, CallFailure>, CallFailure>;

impl Attempt {
    pub(super) fn new(connector: Arc<Connector>, mut call: OutgoingCall, nonces: bool) -> Self {
        let repeatable = call.channels.is_empty() && !call.method.has(Attribute::IDEMPOTENT);
        let mut has_nonce = call.metadata.get(NONCE_KEY).is_some();
        if nonces && repeatable && !has_nonce {
            call.metadata.push(NONCE_KEY, Nonce::random());
            has_nonce = true;
        }
        call.keeps_payload = true;
        call.payload.shrink();
        Self {
            connector,
            call,
            has_nonce: has_nonce && repeatable,
            unknown: None,
        }
    }

    pub(super) async fn run(mut self) -> Result<Answer, CallFailure> {
        let mut left = self.connector.attempts();
        loop {
            left -= 1;
            match self.send().await {
                ControlFlow::Break(outcome) => return outcome,
                ControlFlow::Continue(failure) if left == 0 => return self.fail(failure),
                ControlFlow::Continue(_) => {}
            }
        }
    }

    /// Sends the call on the current link, or the next one.
    async fn send(&mut self) -> Sent {
        let link = match self.connector.link().await {
            Ok(link) => link,
            Err(failure) => return ControlFlow::Break(self.fail(failure)),
        };
        let store = if self.has_nonce {
            link.store().await
        } else {
            None
        };
        if let Some(Unknown { failure, .. }) = self.forbids_sending(store.as_ref()) {
            // The link may have been lost before the store was known.
            let failure = failure.clone();
            return if link.is_live() {
                ControlFlow::Break(Err(failure))
            } else {
                ControlFlow::Continue(failure)
            };
        }
        let has_channels = !self.call.channels.is_empty();
        let sending = store.map(|store| store.sending());
        let answer = match link.handle().send_call(&mut self.call).await {
            Ok(pending) => pending.await,
            // Its channels are still here.
            Err(failure @ CallFailure::Lost { .. }) => return ControlFlow::Continue(failure),
            Err(failure) => return ControlFlow::Break(self.fail(failure)),
        };
        match answer {
            Err(failure @ CallFailure::Lost { .. }) if has_channels => {
                ControlFlow::Break(Err(failure))
            }
            Err(failure @ CallFailure::Lost { sent, .. }) => self.lost(failure, sent, sending),
            Err(failure) => ControlFlow::Break(Err(failure)),
            Ok(answer) => ControlFlow::Break(self.answered(&link, answer)),
        }
    }

    /// Returns the unknown outcome if the call must not be sent to a peer with this store.
    fn forbids_sending(&self, store: Option<&KnownStore>) -> Option<&Unknown> {
        let unknown = self.unknown.as_ref().filter(|_| !self.is_idempotent())?;
        let known = store.zip(unknown.sending);
        let is_safe = known.is_some_and(|(store, sending)| store.knows(sending));
        (!is_safe).then_some(unknown)
    }

    fn lost(&mut self, failure: CallFailure, sent: bool, sending: Option<Sending>) -> Sent {
        if sent {
            if !self.is_idempotent() && sending.is_none() {
                return ControlFlow::Break(Err(failure));
            }
            self.unknown.get_or_insert_with(|| Unknown {
                failure: failure.clone(),
                sending,
            });
        }
        ControlFlow::Continue(failure)
    }

    fn answered(&self, link: &Link, answer: Answer) -> Result<Answer, CallFailure> {
        self.connector.prove(link);
        // A repetition that was refused says nothing about what was sent before.
        match (&self.unknown, FailureKind::from_metadata(&answer.metadata)) {
            (Some(unknown), Some(FailureKind::Busy | FailureKind::Unavailable)) => {
                Err(unknown.failure.clone())
            }
            _ => Ok(answer),
        }
    }

    fn is_idempotent(&self) -> bool {
        self.call.method.has(Attribute::IDEMPOTENT)
    }

    /// Fails the call. If it was sent before, the unknown outcome says more than `failure`.
    fn fail(&self, failure: CallFailure) -> Result<Answer, CallFailure> {
        let unknown = self.unknown.as_ref().map(|it| it.failure.clone());
        Err(unknown.unwrap_or(failure))
    }
}
