//! The machine of a link, and who is told what it says.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use js_sys::Function;
use roam_core::proto::{Agreed, CloseReason, ConnectionId, Event, Framing, Link, Role};
use roam_core::rt::Clock;
use roam_core::{Config, Metadata};
use std::time::Duration;
use wasm_bindgen::prelude::*;
use web_sys::WebSocket;

use super::calls::Calls;
use super::channels::Waiters;
use super::events::Events;
use super::failure::Failure;
use super::pump::Pump;

/// A link, shared by all that JavaScript holds of it.
pub(super) struct Session {
    pub(super) link: RefCell<Link>,
    pub(super) config: Config,
    pub(super) socket: WebSocket,
    pub(super) pump: Pump,
    pub(super) events: Events,
    pub(super) calls: RefCell<Calls>,
    pub(super) waiters: RefCell<Waiters>,
    clock: Clock,
    watched: Cell<bool>,
    opening: Cell<Option<Opening>>,
}

/// Settles the promise of a link that is being opened.
pub(super) struct Opening {
    pub(super) resolve: Function,
    pub(super) reject: Function,
}

impl Session {
    pub(super) fn new(
        socket: WebSocket,
        config: Config,
        events: Events,
        opening: Opening,
    ) -> Rc<Self> {
        Rc::new(Self {
            // It has nothing to do but to end if the socket does not open.
            link: RefCell::new(machine(Framing::Single, &config)),
            config,
            socket,
            pump: Pump::default(),
            events,
            calls: RefCell::default(),
            waiters: RefCell::default(),
            clock: Clock::start(),
            watched: Cell::default(),
            opening: Cell::new(Some(opening)),
        })
    }

    /// The socket is open, and it is known how messages stand in its frames.
    pub(super) fn opened(&self, framing: Framing) {
        *self.link.borrow_mut() = machine(framing, &self.config);
    }

    /// Has the machine do something. What it says of it comes later, never from inside of a call
    /// that JavaScript makes.
    pub(super) fn act<R>(self: &Rc<Self>, act: impl FnOnce(&mut Link) -> R) -> R {
        self.tell_time();
        let result = act(&mut self.link.borrow_mut());
        self.schedule();
        result
    }

    /// From now on the machine is told the time, since somebody wants to know ages.
    pub(super) fn watch(&self) {
        self.watched.set(true);
        self.tell_time();
    }

    /// Tells the machine the time, if somebody watches.
    pub(super) fn tell_time(&self) {
        if self.watched.get() {
            self.link.borrow_mut().handle_clock(self.clock.now());
        }
    }

    /// Tells everything that the machine says.
    pub(super) fn settle(self: &Rc<Self>) {
        while let Some(event) = self.next_event() {
            self.handle(event);
        }
    }

    fn next_event(&self) -> Option<Event> {
        self.link.borrow_mut().poll_event()
    }

    fn handle(self: &Rc<Self>, event: Event) {
        match event {
            Event::Ready(agreed) => self.ready(agreed),
            Event::Response(response) => self.tell_response(response),
            Event::Request(request) => self.tell_request(request),
            Event::Cancelled { request, .. } => self.tell_cancelled(request),
            Event::ChannelReady { channel, .. } => self.wake(channel),
            Event::ConnectRequest { request, .. } => {
                let mut link = self.link.borrow_mut();
                link.reject(request, "not listening", &Metadata::new());
            }
            Event::ConnectionEnded {
                connection: ConnectionId::ROOT,
                reason,
            } => self.ended(&reason),
            // We ask for no room and no connections; the end of the link fails every call.
            Event::SendBufferReady
            | Event::NotSent { .. }
            | Event::ConnectAnswer { .. }
            | Event::ConnectionEnded { .. } => {}
        }
    }

    fn ready(self: &Rc<Self>, agreed: Agreed) {
        if let Some(opening) = self.opening.take() {
            let link = super::Link::new(Rc::clone(self), agreed);
            settle_promise(&opening.resolve, &link.into());
        }
    }

    fn ended(self: &Rc<Self>, reason: &CloseReason) {
        if let Some(opening) = self.opening.take() {
            settle_promise(&opening.reject, &Failure::connect(reason).into());
            return;
        }
        self.fail_calls(reason);
        self.events.close(reason);
    }
}

/// Calls one of the functions that settle a promise. They do not throw.
pub(super) fn settle_promise(function: &Function, value: &JsValue) {
    let _ = function.call1(&JsValue::UNDEFINED, value);
}

/// The clock of the machine stands at its start until the handshake's time is over.
fn machine(framing: Framing, config: &Config) -> Link {
    Link::new(Role::Initiator, framing, config, Duration::ZERO)
}
