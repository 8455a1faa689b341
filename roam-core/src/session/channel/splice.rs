//! Forwarding from one channel to another.

use std::future::poll_fn;
use std::task::Poll;

use super::receiver::RawReceiver;
use super::sender::{Outgoing, RawSender};
use crate::proto::Encoded;
use crate::rt::BoxFuture;
use crate::session::abort::AbortOnDrop;
use crate::session::codec;
use crate::session::error::ChannelAbort;

/// Forwards everything from one channel to another, with the backpressure of both, until either
/// ends.
pub(super) fn splice(from: RawReceiver, to: RawSender) -> BoxFuture<'static, ()> {
    Box::pin(AbortOnDrop::new(Box::pin(forward(from, to))))
}

async fn forward(mut from: RawReceiver, to: RawSender) {
    let mut outgoing = Outgoing::default();
    loop {
        let next = poll_fn(|cx| match from.poll_next(cx, copy) {
            Poll::Ready(next) => Poll::Ready(Some(next)),
            // Notice at once that the reader was dropped, not when the next element comes.
            Poll::Pending => to.poll_closed(&mut outgoing.waiter, cx).map(|_| None),
        });
        match next.await {
            Some(Ok(Some(element))) => outgoing.set(element),
            Some(Ok(None)) | None => return,
            Some(Err(abort)) => return to.abort(abort),
        }
        if let Err(abort) = poll_fn(|cx| outgoing.poll_send(&to, cx)).await {
            // An element that is too long aborts as well: the reader must notice that it is missing.
            return to.abort(abort);
        }
    }
}

fn copy(element: &[u8]) -> Encoded {
    let copied = codec::buffer().append_with(|mut bytes| {
        bytes.extend_from_slice(element);
        Ok::<_, ChannelAbort>(bytes)
    });
    copied.unwrap_or_default()
}
