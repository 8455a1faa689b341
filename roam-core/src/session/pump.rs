//! What passes elements on from one channel to another.

use std::future::poll_fn;
use std::task::Poll;

use super::ends::{RawReceiver, RawSender};

/// Passes everything from one channel on to another, with the backpressure of both, until either
/// ends.
pub(super) async fn pump(mut from: RawReceiver, to: RawSender) {
    let mut element = Vec::new();
    let mut ticket = None;
    loop {
        let next = poll_fn(|cx| {
            let next = from.poll_next(cx, |bytes| {
                element.clear();
                element.extend_from_slice(bytes);
            });
            match next {
                Poll::Ready(next) => Poll::Ready(Some(next)),
                // A reader that goes is to be told of at once, not when the next element comes.
                Poll::Pending => to.poll_closed(&mut ticket, cx).map(|_| None),
            }
        });
        match next.await {
            Some(Ok(Some(()))) => {}
            Some(Ok(None)) | None => return,
            Some(Err(cut)) => return to.cut(cut),
        }
        if let Err(cut) = poll_fn(|cx| to.poll_send(&mut ticket, cx, (&element).into())).await {
            // Also when it is the element that does not fit: what follows it must not be missed.
            return to.cut(cut);
        }
    }
}
