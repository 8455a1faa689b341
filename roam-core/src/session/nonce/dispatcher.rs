//! Running each call with a nonce once.

use std::fmt;
use std::pin::pin;
use std::sync::Arc;

use futures::future::select;

use crate::proto::{FailureKind, MethodId, NewChannels, Outcome as CallOutcome};
use crate::rt::{self, BoxFuture, MaybeSend, MaybeSync};
use crate::schema::MethodDescriptor;
use crate::session::abort::AbortOnDrop;
use crate::session::serve::{Context, HandlerFuture, IncomingCall, ServiceDispatcher};

use super::entry::{Entry, Outcome, Waiting};
use super::service::{RoamNoncesDispatcher, roam_nonces_service};
use super::store::{Entered, NonceStore};
use super::table::{Digest, Key, NonceLimits};
use super::{NONCE_KEY, Nonce};

/// Serves what another dispatcher serves, and runs a call with a [`Nonce`] once, however often it
/// arrives: repetitions get the answer of the first, even while the first still runs.
///
/// What it remembers is shared by all links that it serves and by its clones, since a call is
/// repeated on another link. [`NonceLimits`] bounds it.
///
/// - The end of a link does not abort the handler of a call with a nonce, so that a repetition finds
///   its answer. It is aborted when nobody has asked for as long as answers are kept. The connection
///   in its context is that of the first call, and may have ended. A Cancel or a deadline aborts it,
///   unless a repetition waits as well; then, as after a panic, Cancelled is the answer that is kept.
/// - A nonce that arrives again with other arguments is answered with [`FailureKind::NonceReused`], a
///   value that is not a nonce with `InvalidPayload`, and a call beyond the limits with
///   [`FailureKind::Busy`].
/// - Channels belong to one link. A call with channels in its arguments runs as if it had no nonce,
///   and an answer with channels goes to the first caller only. That the call was made is
///   remembered, and a repetition is answered with [`FailureKind::NonceSpent`], whatever its
///   arguments, as is that of a call whose answer exceeded the limits.
/// - Identities are kept apart; see [`with_identity`](Self::with_identity).
///
/// ```
/// use roam_core::{NoDispatcher, nonce::NonceDispatcher};
///
/// let dispatcher = NonceDispatcher::new(NoDispatcher);
/// ```
#[derive(Clone)]
pub struct NonceDispatcher {
    dispatcher: Arc<dyn ServiceDispatcher>,
    store: Arc<NonceStore>,
    identity: Arc<dyn Identify>,
}

trait Identify: MaybeSend + MaybeSync + 'static {
    fn identity(&self, context: &Context) -> Vec<u8>;
}

impl<F: Fn(&Context) -> Vec<u8> + MaybeSend + MaybeSync + 'static> Identify for F {
    fn identity(&self, context: &Context) -> Vec<u8> {
        self(context)
    }
}

impl NonceDispatcher {
    /// Creates a dispatcher with the default limits and one identity for all clients.
    pub fn new(dispatcher: impl ServiceDispatcher) -> Self {
        Self {
            dispatcher: Arc::new(dispatcher),
            store: NonceStore::new(NonceLimits::default()),
            identity: Arc::new(|_: &Context| Vec::new()),
        }
    }

    /// Sets the limits, and forgets everything.
    #[must_use]
    pub fn with_limits(self, limits: NonceLimits) -> Self {
        Self {
            store: NonceStore::new(limits),
            ..self
        }
    }

    /// Keeps clients apart by an identity: knowing the nonce of another identity's call does not give
    /// access to its answer. A client must have the same identity on its next link, so it may come
    /// from what the call's metadata proves, but not from the link.
    #[must_use]
    pub fn with_identity(
        self,
        identity: impl Fn(&Context) -> Vec<u8> + MaybeSend + MaybeSync + 'static,
    ) -> Self {
        Self {
            identity: Arc::new(identity),
            ..self
        }
    }

    /// Runs a call with a nonce, unless it has run before.
    fn dispatch_once(&self, nonce: Nonce, mut call: IncomingCall) -> BoxFuture<'static, ()> {
        let key = Key {
            identity: self.identity.identity(call.context()).into(),
            method: call.method(),
            nonce,
        };
        match self.store.enter(key, digest_of(&call)) {
            Entered::First(_, claim) if !call.context().channels().is_empty() => {
                let handler = self.dispatcher.dispatch(call);
                Box::pin(async move {
                    let _claim = claim;
                    handler.await;
                })
            }
            Entered::First(entry, claim) => {
                let waiting = Waiting::new(Arc::clone(&entry), call.context().connection().clone());
                rt::spawn(self.clone().run(call.split_off(Box::new(claim)), entry));
                Box::pin(answer(call, waiting))
            }
            Entered::Repeated(entry) => {
                let waiting = Waiting::new(entry, call.context().connection().clone());
                Box::pin(answer(call, waiting))
            }
            Entered::Reused => fail(call, FailureKind::NonceReused),
            Entered::Full => fail(call, FailureKind::Busy),
        }
    }

    /// Runs the handler until it is ready or nobody wants its answer any more.
    async fn run(self, call: IncomingCall, entry: Arc<Entry>) {
        let handler = AbortOnDrop::new(HandlerFuture::dispatch(&*self.dispatcher, call));
        let unwanted = pin!(entry.unwanted(self.store.retention()));
        select(handler, unwanted).await;
    }
}

/// Returns what a repetition has in common with the first call.
fn digest_of(call: &IncomingCall) -> Digest {
    if call.context().channels().is_empty() {
        *blake3::hash(call.payload()).as_bytes()
    } else {
        // The payload holds the ids of the channels, which differ when it is sent again.
        [0; _]
    }
}

/// Waits for the outcome and answers a call with it.
async fn answer(mut call: IncomingCall, waiting: Waiting) {
    let outcome = waiting.outcome().await;
    let len = match &outcome {
        Outcome::Answered(answer) => answer.payload.len(),
        Outcome::Spent => 0,
    };
    call.context().connection().capacity(len).await;
    match outcome {
        Outcome::Answered(answer) => {
            let responder = call.responder();
            let (metadata, payload) = (&answer.metadata, &answer.payload);
            if let Err(error) = responder.try_respond(metadata, payload, NewChannels::NONE) {
                responder.on_refused(error);
            }
        }
        // Does nothing for the first caller when its answer had channels.
        Outcome::Spent => (call.responder()).answer(CallOutcome::Failed(FailureKind::NonceSpent)),
    }
}

fn fail(mut call: IncomingCall, failure: FailureKind) -> BoxFuture<'static, ()> {
    call.responder().answer(CallOutcome::Failed(failure));
    Box::pin(std::future::ready(()))
}

impl ServiceDispatcher for NonceDispatcher {
    fn method(&self, id: MethodId) -> Option<&'static MethodDescriptor> {
        let ours = roam_nonces_service().method(id);
        ours.or_else(|| self.dispatcher.method(id))
    }

    fn dispatch(&self, mut call: IncomingCall) -> BoxFuture<'static, ()> {
        let method = call.method();
        if roam_nonces_service().method(method).is_some() {
            return RoamNoncesDispatcher::new(Arc::clone(&self.store)).dispatch(call);
        }
        let nonce = call.context().metadata().get(NONCE_KEY);
        match nonce.map(Nonce::try_from) {
            Some(Ok(nonce)) if let Some(method) = self.dispatcher.method(method) => {
                match call.mismatch(method) {
                    // The answer of the first call could not be decoded either.
                    Some(failure) => Box::pin(call.refuse(&failure)),
                    None => self.dispatch_once(nonce, call),
                }
            }
            Some(Err(error)) => {
                tracing::debug!(%method, %error, "a nonce does not decode");
                call.responder().answer(CallOutcome::InvalidPayload);
                Box::pin(std::future::ready(()))
            }
            _ => self.dispatcher.dispatch(call),
        }
    }
}

impl fmt::Debug for NonceDispatcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NonceDispatcher")
            .field("store", &self.store)
            .finish_non_exhaustive()
    }
}
