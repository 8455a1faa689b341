//! The acceptor's side: keeping a link until its initiator comes back.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use super::acceptor::{Acceptor, close, refuse};
use super::is_final;
use super::seat::{Offer, Seat};
use crate::proto::{Attach, Close, CloseReason, LinkId, Refusal};
use crate::rt::{self, Sleep};
use crate::session::identity::Identity;
use crate::session::link::{DetachedLink, Driver, LINGER};
use crate::session::random;
use crate::transport::{Transport, TransportError};

/// Runs a link that was accepted: a future that ends when the link has ended for good, and returns the
/// reason.
///
/// When its transport fails, the link waits for its initiator to come back, see
/// [`Config::keep`](crate::Config::keep). Dropping it ends the link as lost.
#[must_use = "a link does nothing unless its driver is polled"]
pub struct KeptDriver<T: Transport> {
    state: State<T>,
    /// `None` if the link cannot be resumed.
    id: Option<LinkId>,
    seat: Arc<Seat<T>>,
    acceptor: Acceptor<T>,
    /// Whose link it is, if the acceptor was told.
    subject: Option<Box<str>>,
}

/// The code with which browsers close the sockets of a page that is gone: RFC 6455, section 7.4.1.
const GOING_AWAY: u16 = 1001;
/// How long the link of such a page is kept. It is not over at once, since things in between close sockets with
/// that code as well, and their clients come back within seconds.
const KEEP_GONE: Duration = Duration::from_secs(5);

enum State<T> {
    Carrying(Driver<T>),
    Detached(Detached),
    Done,
}

/// A link without a transport.
struct Detached {
    link: DetachedLink,
    error: TransportError,
    /// When it is given up.
    until: Pin<Box<Sleep>>,
    /// The link has ended.
    ended: bool,
    /// Its place among the acceptor's links without a transport.
    place: u64,
}

impl<T: Transport> KeptDriver<T> {
    pub(super) fn new(
        driver: Driver<T>,
        id: Option<LinkId>,
        seat: Arc<Seat<T>>,
        acceptor: Acceptor<T>,
        subject: Option<Box<str>>,
    ) -> Self {
        Self {
            state: State::Carrying(driver),
            id,
            seat,
            acceptor,
            subject,
        }
    }

    fn on_offer(&mut self, offer: Offer<T>) {
        match offer {
            Offer::Transport {
                transport,
                attach,
                identity,
            } => self.take_over(transport, &attach, identity),
            Offer::Evicted => {
                if let State::Detached(detached) = &mut self.state {
                    detached.until = Box::pin(rt::sleep(Duration::ZERO));
                }
            }
        }
    }

    /// Goes on with the link on another transport, if its peer has a right to it. A failed attempt changes
    /// nothing.
    fn take_over(&mut self, transport: T, attach: &Attach, identity: Option<Identity>) {
        if self.subject.as_ref() != identity.as_ref().map(|identity| &identity.subject) {
            return refuse(transport, &Refusal::other_principal());
        }
        let resumed = match &self.state {
            State::Carrying(_) => self.replace(transport, attach),
            State::Detached(_) => self.attach(transport, attach),
            State::Done => return refuse(transport, &Refusal::ended()),
        };
        // Its expiry may be another.
        if let (true, Some(identity), State::Carrying(driver)) = (resumed, identity, &self.state) {
            driver.extensions().insert(identity);
        }
    }

    /// Replaces a transport whose failure nobody has noticed yet. Returns whether the peer has a right to it.
    fn replace(&mut self, transport: T, attach: &Attach) -> bool {
        let State::Carrying(driver) = &mut self.state else {
            return false;
        };
        match driver.replace(transport, attach, random::secret()) {
            Ok(old) => {
                close(old, Close::replaced());
                true
            }
            Err((transport, refusal)) => {
                refuse(transport, &refusal);
                false
            }
        }
    }

    /// Gives a transport to a link that has none. Returns whether the peer has a right to it.
    fn attach(&mut self, transport: T, attach: &Attach) -> bool {
        let State::Detached(mut detached) = std::mem::replace(&mut self.state, State::Done) else {
            return false;
        };
        match detached.link.resume(attach, random::secret()) {
            Ok(()) => {
                self.acceptor.on_attached(detached.place);
                self.state = State::Carrying(Driver::new(transport, detached.link));
                true
            }
            Err(refusal) => {
                self.state = State::Detached(detached);
                refuse(transport, &refusal);
                false
            }
        }
    }

    /// The transport is lost. Returns why the link has ended, unless it is kept.
    fn on_lost(&mut self, error: TransportError) -> Option<CloseReason> {
        let State::Carrying(driver) = std::mem::replace(&mut self.state, State::Done) else {
            return None;
        };
        let (link, _lost) = driver.detach();
        let keep = match &error {
            TransportError::Closed(close) if close.code == GOING_AWAY => link.keep().min(KEEP_GONE),
            _ => link.keep(),
        };
        let id = self
            .id
            .as_ref()
            .filter(|_| !keep.is_zero() && !is_final(&error));
        let Some(id) = id else {
            return Some(link.lose(error));
        };
        tracing::debug!(%error, %id, "the transport is lost; the link is kept");
        self.state = State::Detached(Detached {
            link,
            error,
            until: Box::pin(rt::sleep(keep)),
            ended: false,
            place: self.acceptor.on_detached(id),
        });
        None
    }

    /// Waits without a transport. Ready when the link is given up.
    fn poll_detached(&mut self, cx: &mut Context<'_>) -> Poll<CloseReason> {
        let State::Detached(detached) = &mut self.state else {
            return Poll::Pending;
        };
        if !detached.ended && detached.link.poll_ended(cx).is_ready() {
            detached.ended = true;
            // The peer may still come to learn how it ended.
            let rest = if detached.link.has_unsent() {
                LINGER
            } else {
                Duration::ZERO
            };
            detached.until = Box::pin(rt::sleep(rest));
        }
        ready!(detached.until.as_mut().poll(cx));
        let State::Detached(detached) = std::mem::replace(&mut self.state, State::Done) else {
            return Poll::Pending;
        };
        self.acceptor.on_attached(detached.place);
        Poll::Ready(detached.link.lose(detached.error))
    }
}

impl<T: Transport> Future for KeptDriver<T> {
    type Output = CloseReason;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<CloseReason> {
        let this = self.get_mut();
        loop {
            while let Poll::Ready(offer) = this.seat.poll_take(cx) {
                this.on_offer(offer);
            }
            let reason = match &mut this.state {
                State::Carrying(driver) => match ready!(driver.poll_carry(cx)) {
                    Ok(reason) => Some(reason),
                    Err(error) => this.on_lost(error),
                },
                _ => Some(ready!(this.poll_detached(cx))),
            };
            if let Some(reason) = reason {
                if let Some(id) = &this.id {
                    this.acceptor.remember(id, &reason);
                }
                this.state = State::Done;
                return Poll::Ready(reason);
            }
        }
    }
}

impl<T: Transport> Drop for KeptDriver<T> {
    fn drop(&mut self) {
        if let Some(id) = &self.id {
            self.acceptor.leave(id);
        }
        if let State::Detached(detached) = &self.state {
            self.acceptor.on_attached(detached.place);
        }
    }
}

impl<T: Transport> std::fmt::Debug for KeptDriver<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KeptDriver")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}
