//! A channel, and the promises that wait for it.

use alloc::rc::Rc;
use alloc::vec::Vec;

use js_sys::{Function, Promise};
use roam_proto::{ChannelEnd, ChannelId, ConnectionId, SendError};
use wasm_bindgen::prelude::*;

use super::failure::Failure;
use super::session::{Session, settle_promise};

/// A channel to the peer, without a direction: its holder is a sender or a receiver.
#[derive(Clone)]
pub(super) struct Channel {
    pub(super) session: Rc<Session>,
    pub(super) connection: ConnectionId,
    pub(super) id: ChannelId,
}

/// The promises that wait for a channel. There are few at a time, so they are searched in order.
#[derive(Default)]
pub(super) struct Waiters(Vec<Waiter>);

struct Waiter {
    connection: ConnectionId,
    channel: ChannelId,
    /// Waits for this many bytes of credit, or for elements if `None`.
    credit: Option<usize>,
    resolve: Function,
    reject: Function,
}

impl Channel {
    /// Queues elements, for which JavaScript has checked the credit.
    pub(super) fn queue(&self, elements: &[&[u8]]) -> Result<(), Failure> {
        let queued = self.session.act(|link| {
            elements
                .iter()
                .try_for_each(|element| link.sender(self.connection, self.id).queue(element))
        });
        queued.map_err(|error| self.session.send_failure(error))
    }

    /// Returns how many bytes may be sent now, in elements of which the first has `first`.
    pub(super) fn sendable(&self, first: usize) -> usize {
        let mut link = self.session.link.borrow_mut();
        link.sender(self.connection, self.id).sendable(first)
    }

    /// Returns how many bytes the peer is known to have consumed; `None` if the channel has ended.
    pub(super) fn consumed_by_peer(&self) -> Option<u64> {
        let mut link = self.session.link.borrow_mut();
        link.sender(self.connection, self.id).consumed()
    }

    /// Closes the channel, as its sender; fails if it has already ended.
    pub(super) fn close(&self) -> Result<(), Failure> {
        let sendable = self.session.act(|link| {
            let sendable = link.sender(self.connection, self.id).wait_for_credit(0);
            link.sender(self.connection, self.id).close();
            sendable
        });
        self.session.wake(self.connection, self.id);
        match sendable {
            Err(SendError::Ended(end)) => Err(self.session.end_failure(end)),
            _ => Ok(()),
        }
    }

    /// Resets the channel.
    pub(super) fn reset(&self) {
        self.session
            .act(|link| link.channel(self.connection, self.id).reset());
        self.session.wake(self.connection, self.id);
    }

    /// Returns a promise that resolves when `credit` bytes may be sent or, for `None`, when
    /// elements have arrived or the channel has ended.
    pub(super) fn wait(&self, credit: Option<usize>) -> Promise {
        Promise::new(&mut |resolve, reject| {
            let waiter = Waiter {
                connection: self.connection,
                channel: self.id,
                credit,
                resolve,
                reject,
            };
            match credit {
                Some(_) => self.session.wait(waiter),
                // The caller has just checked that no elements have arrived.
                None => self.session.waiters.borrow_mut().0.push(waiter),
            }
        })
    }
}

impl Session {
    /// Checks the promises that wait for `channel`: it has credit or elements, or has ended.
    pub(super) fn wake(self: &Rc<Self>, connection: ConnectionId, channel: ChannelId) {
        let waiters = self
            .waiters
            .borrow_mut()
            .0
            .extract_if(.., |waiter| {
                (waiter.connection, waiter.channel) == (connection, channel)
            })
            .collect::<Vec<_>>();
        for waiter in waiters {
            self.wait(waiter);
        }
    }

    /// Settles the waiter's promise now, or keeps the waiter.
    fn wait(self: &Rc<Self>, waiter: Waiter) {
        let ready = match waiter.credit {
            // A sender that waits may have to ask for credit.
            Some(bytes) => self.act(|link| {
                link.sender(waiter.connection, waiter.channel)
                    .wait_for_credit(bytes)
            }),
            None => Ok(()),
        };
        match ready {
            Ok(()) => settle_promise(&waiter.resolve, &JsValue::UNDEFINED),
            Err(SendError::Blocked) => self.waiters.borrow_mut().0.push(waiter),
            Err(error) => settle_promise(&waiter.reject, &self.send_failure(error).into()),
        }
    }

    pub(super) fn send_failure(&self, error: SendError) -> Failure {
        match error {
            SendError::TooLarge { .. } => Failure::too_large(&error),
            SendError::Ended(end) => self.end_failure(end),
            SendError::Blocked => Failure::protocol("the elements exceed the credit"),
        }
    }

    /// Returns the failure for a channel that did not end cleanly.
    pub(super) fn end_failure(&self, end: ChannelEnd) -> Failure {
        match (end, self.link.borrow().close_reason()) {
            (ChannelEnd::ConnectionEnded, Some(reason)) => Failure::closed(reason),
            (ChannelEnd::CallEnded, _) => Failure::reset("the call of this channel has ended"),
            _ => Failure::reset("the channel was reset"),
        }
    }
}
