//! Answers on their way.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use crate::proto::{Encoded, Failure};
use crate::rt::BoxFuture;

use super::binder::CollectedEnds;
use super::codec;
use super::dispatch::IncomingCall;

/// An answer on its way: ready when it is queued. Dropping it before that answers the call with
/// Cancelled.
#[must_use = "a call is answered when this is awaited"]
pub struct Responding(Progress);

enum Progress {
    Prepared(IncomingCall, Encoded, CollectedEnds),
    /// It waits until there is room to send it.
    Waiting(BoxFuture<'static, ()>),
    Over,
}

impl Responding {
    pub(super) fn new(call: IncomingCall, payload: Encoded, ends: CollectedEnds) -> Self {
        Self(Progress::Prepared(call, payload, ends))
    }

    pub(super) fn failure(call: IncomingCall, failure: Failure) -> Self {
        Self(Progress::Waiting(Box::pin(fail(call, failure))))
    }

    /// Sends the answer. Mostly there is room at once.
    fn start(&mut self) {
        let Progress::Prepared(call, payload, ends) = &mut self.0 else {
            return;
        };
        let sent = call.responder().poll_finish(payload, ends).is_ready();
        let prepared = std::mem::replace(&mut self.0, Progress::Over);
        let Progress::Prepared(mut call, mut payload, mut ends) = prepared else {
            return;
        };
        if sent {
            return codec::give_back(payload);
        }
        payload.shrink();
        self.0 = Progress::Waiting(Box::pin(async move {
            call.responder().finish(&mut payload, &mut ends).await;
        }));
    }
}

async fn fail(mut call: IncomingCall, failure: Failure) {
    call.context().connection().room().await;
    call.responder().fail(failure);
}

impl Future for Responding {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.start();
        if let Progress::Waiting(sending) = &mut self.0 {
            ready!(sending.as_mut().poll(cx));
            self.0 = Progress::Over;
        }
        Poll::Ready(())
    }
}

impl std::fmt::Debug for Responding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Responding").finish_non_exhaustive()
    }
}
