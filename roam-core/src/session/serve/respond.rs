//! Answers on their way.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::incoming::IncomingCall;
use crate::proto::{Encoded, Metadata, Outcome};
use crate::session::channel::OutgoingChannels;
use crate::session::codec;
use crate::session::link::wait::{WaitKey, WaiterId};

/// Answers a call: ready when the answer is queued. Dropping it earlier answers the call with
/// Cancelled.
#[must_use = "a call is answered when this is awaited"]
pub struct Respond(Option<Pending>);

struct Pending {
    call: IncomingCall,
    answer: EncodedAnswer,
    waiter: Option<WaiterId>,
}

/// An answer that is ready to be sent.
pub(super) struct EncodedAnswer {
    pub(super) metadata: Metadata,
    pub(super) payload: Encoded,
    pub(super) channels: OutgoingChannels,
}

impl Respond {
    pub(super) fn new(
        call: IncomingCall,
        metadata: Metadata,
        payload: Encoded,
        channels: OutgoingChannels,
    ) -> Self {
        Self::encoded(
            call,
            EncodedAnswer {
                metadata,
                payload,
                channels,
            },
        )
    }

    /// Answers with an outcome without a body.
    pub(crate) fn outcome(call: IncomingCall, outcome: Outcome) -> Self {
        let (metadata, payload) = outcome.response();
        Self::encoded(
            call,
            EncodedAnswer {
                metadata,
                payload: Encoded::from(payload),
                channels: OutgoingChannels::default(),
            },
        )
    }

    fn encoded(call: IncomingCall, answer: EncodedAnswer) -> Self {
        let waiter = None;
        Self(Some(Pending {
            call,
            answer,
            waiter,
        }))
    }
}

impl Future for Respond {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let Some(Pending {
            call,
            answer,
            waiter,
        }) = &mut self.0
        else {
            return Poll::Ready(());
        };
        let responded = call.responder().poll_respond(answer, waiter, cx);
        if responded.is_pending() {
            // It may wait for long.
            answer.payload.shrink();
            return Poll::Pending;
        }
        codec::recycle(std::mem::take(&mut answer.payload));
        self.0 = None;
        Poll::Ready(())
    }
}

impl Drop for Respond {
    fn drop(&mut self) {
        if let Some(Pending {
            call,
            waiter: Some(waiter),
            ..
        }) = &self.0
        {
            let connection = call.context().connection();
            connection.shared().leave(WaitKey::Capacity, *waiter);
        }
    }
}

impl std::fmt::Debug for Respond {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Respond").finish_non_exhaustive()
    }
}
