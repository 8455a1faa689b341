//! Channels, and who waits for them.

use std::rc::Rc;

use js_sys::{Function, Promise};
use roam_core::proto::{ChannelEnd, ChannelId, ConnectionId, SendRefused};
use wasm_bindgen::prelude::*;

use super::failure::Failure;
use super::session::{Session, settle_promise};

const ROOT: ConnectionId = ConnectionId::ROOT;

/// A channel to the peer. It knows of no direction; whoever holds it does.
#[derive(Clone)]
pub(super) struct Channel {
    pub(super) session: Rc<Session>,
    pub(super) id: ChannelId,
}

/// Those who wait for a channel. Few do at a time: it is looked through for each that is ready.
#[derive(Default)]
pub(super) struct Waiters(Vec<Waiter>);

struct Waiter {
    channel: ChannelId,
    /// So many bytes of credit are waited for; `None` when elements are.
    credit: Option<usize>,
    resolve: Function,
    reject: Function,
}

impl Channel {
    /// Sends elements of which JavaScript knows that there is credit for them.
    pub(super) fn queue(&self, elements: &[&[u8]]) -> Result<(), Failure> {
        let queued = self.session.act(|link| {
            elements
                .iter()
                .try_for_each(|element| link.queue(ROOT, self.id, element))
        });
        queued.map_err(|refused| self.session.send_failure(refused))
    }

    /// How many bytes may be sent at once.
    pub(super) fn sendable(&self) -> usize {
        self.session.link.borrow_mut().sendable(ROOT, self.id)
    }

    /// What the peer has surely consumed; `None` when the channel is over.
    pub(super) fn consumed_by_peer(&self) -> Option<u64> {
        self.session
            .link
            .borrow_mut()
            .consumed_by_peer(ROOT, self.id)
    }

    /// Ends it cleanly, as its sender.
    pub(super) fn finish(&self) {
        self.session.act(|link| link.finish(ROOT, self.id));
        self.session.wake(self.id);
    }

    /// Cuts it.
    pub(super) fn reset(&self) {
        self.session.act(|link| link.reset(ROOT, self.id));
        self.session.wake(self.id);
    }

    /// A promise that is resolved when so many bytes may be sent at once, or, without a number,
    /// when something has arrived.
    pub(super) fn wait(&self, credit: Option<usize>) -> Promise {
        Promise::new(&mut |resolve, reject| {
            let waiter = Waiter {
                channel: self.id,
                credit,
                resolve,
                reject,
            };
            match credit {
                Some(_) => self.session.wait(waiter),
                // Who waits for elements has just seen that there are none.
                None => self.session.waiters.borrow_mut().0.push(waiter),
            }
        })
    }
}

impl Session {
    /// A channel is ready: has some of what was waited for, or is over.
    pub(super) fn wake(&self, channel: ChannelId) {
        let waiters = self
            .waiters
            .borrow_mut()
            .0
            .extract_if(.., |waiter| waiter.channel == channel)
            .collect::<Vec<_>>();
        for waiter in waiters {
            self.wait(waiter);
        }
    }

    /// Settles the waiter's promise now or later.
    fn wait(&self, waiter: Waiter) {
        let ready = match waiter.credit {
            Some(bytes) => self
                .link
                .borrow_mut()
                .want_credit(ROOT, waiter.channel, bytes),
            None => Ok(()),
        };
        match ready {
            Ok(()) => settle_promise(&waiter.resolve, &JsValue::UNDEFINED),
            Err(SendRefused::Blocked) => self.waiters.borrow_mut().0.push(waiter),
            Err(refused) => settle_promise(&waiter.reject, &self.send_failure(refused).into()),
        }
    }

    pub(super) fn send_failure(&self, refused: SendRefused) -> Failure {
        match refused {
            SendRefused::TooLarge { len, max } => Failure::too_large(&refused, len, max),
            SendRefused::Over(end) => self.cut(end),
            SendRefused::Blocked => Failure::protocol("more than the credit"),
        }
    }

    /// How a channel ended that did not end cleanly.
    pub(super) fn cut(&self, end: ChannelEnd) -> Failure {
        match (end, self.link.borrow().close_reason()) {
            (ChannelEnd::ConnectionOver, Some(reason)) => Failure::closed(reason),
            (ChannelEnd::CallOver, _) => Failure::reset("the call of this channel is over"),
            _ => Failure::reset("the channel was cut"),
        }
    }
}
