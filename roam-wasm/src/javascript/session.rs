//! A link's machine, and the handling of its events.

use alloc::rc::Rc;
use core::cell::{Cell, RefCell};
use core::time::Duration;

use js_sys::Function;
use roam_proto::{
    Agreed, CloseReason, Config, ConnectionId, Drain, Event, Framing, Link, Metadata, Role, Rule,
};
use wasm_bindgen::prelude::*;
use web_sys::WebSocket;

use super::channel::Waiters;
use super::channels::Channels;
use super::clock::Clock;
use super::events::{Events, LinkEvents};
use super::failure::Failure;
use super::socket_driver::SocketDriver;

/// The state of a link, shared by all of its JavaScript objects.
pub(super) struct Session {
    pub(super) link: RefCell<Link>,
    pub(super) config: Config,
    /// The present socket, or the last one while there is none.
    pub(super) socket: RefCell<WebSocket>,
    /// What we say of ourselves on each socket, encoded.
    pub(super) metadata: RefCell<Metadata>,
    pub(super) driver: SocketDriver,
    pub(super) events: Events,
    /// The kept halves of the last call, until JavaScript takes them.
    pub(super) kept: Cell<Option<Channels>>,
    pub(super) waiters: RefCell<Waiters>,
    /// Started with the machine.
    pub(super) clock: Clock,
    tracks_ages: Cell<bool>,
    opening: Cell<Option<Opening>>,
}

/// The functions that settle the promise of a link that is being opened.
pub(super) struct Opening {
    pub(super) resolve: Function,
    pub(super) reject: Function,
}

impl Session {
    pub(super) fn new(
        socket: WebSocket,
        config: Config,
        metadata: Metadata,
        events: Events,
        opening: Opening,
    ) -> Rc<Self> {
        Rc::new(Self {
            // A placeholder until the framing is known. All it can do is end, if the socket fails.
            link: RefCell::new(machine(Framing::Single, &config)),
            config,
            socket: RefCell::new(socket),
            metadata: RefCell::new(metadata),
            driver: SocketDriver::default(),
            events,
            kept: Cell::default(),
            waiters: RefCell::default(),
            clock: Clock::start(),
            tracks_ages: Cell::default(),
            opening: Cell::new(Some(opening)),
        })
    }

    /// Starts the machine, or goes on with it: a socket is open and its framing is known.
    pub(super) fn on_open(&self, framing: Framing) {
        let mut link = self.link.borrow_mut();
        if link.link_id().is_none() {
            *link = machine(framing, &self.config);
        } else if framing != Framing::Numbered {
            return link.handle_violation(Rule::DecodeError.because("the subprotocol is another"));
        }
        link.attach(&self.metadata.borrow(), self.clock.now());
    }

    /// Runs `act` on the machine. The events it causes are handled later, never within a call from
    /// JavaScript.
    pub(super) fn act<R>(self: &Rc<Self>, act: impl FnOnce(&mut Link) -> R) -> R {
        self.update_clock();
        let result = act(&mut self.link.borrow_mut());
        self.schedule();
        result
    }

    /// Starts to pass the time to the machine, for the ages in the diagnostics.
    pub(super) fn track_ages(&self) {
        self.tracks_ages.set(true);
        self.update_clock();
    }

    /// Passes the time to the machine, if it tracks ages.
    pub(super) fn update_clock(&self) {
        if self.tracks_ages.get() {
            self.link.borrow_mut().handle_clock(self.clock.now());
        }
    }

    /// Handles the machine's queued events.
    pub(super) fn handle_events(self: &Rc<Self>) {
        while let Some(event) = self.next_event() {
            self.handle_event(event);
        }
    }

    fn next_event(&self) -> Option<Event> {
        self.link.borrow_mut().poll_event()
    }

    fn handle_event(self: &Rc<Self>, event: Event) {
        match event {
            Event::Ready(agreed) => self.on_ready(agreed),
            Event::Response(response) => self.on_response(response),
            Event::Request(request) => self.on_request(&request),
            Event::Cancelled {
                connection,
                request,
            } => self.on_cancelled(connection, request),
            Event::ChannelReady {
                connection,
                channel,
            } => self.wake(connection, channel),
            Event::ConnectRequest { request, .. } => {
                let mut link = self.link.borrow_mut();
                link.reject_connection(request, "not listening", &Metadata::new());
            }
            Event::ConnectionEnded {
                connection: ConnectionId::ROOT,
                reason,
            } => self.on_ended(&reason),
            Event::Drain(advice) => self.on_drain(advice),
            Event::TokenAsked { .. } => self.events.emit(LinkEvents::token_asked),
            // We never ask for a token, wait for queue space or open connections, and JavaScript fails the calls of an
            // ended link.
            Event::SendBufferReady
            | Event::TokenGiven { .. }
            | Event::NotSent { .. }
            | Event::ConnectAnswer { .. }
            | Event::ConnectionEnded { .. } => {}
        }
    }

    fn on_ready(self: &Rc<Self>, agreed: Agreed) {
        if let Some(opening) = self.opening.take() {
            let link = super::Link::new(Rc::clone(self));
            let (payload, element) = (agreed.max_payload_size, agreed.largest_element());
            let (calls, call_bytes) = self.link.borrow().peer_calls();
            self.events
                .emit(|events| events.ready(link, payload, element, calls, call_bytes));
            settle_promise(&opening.resolve, &JsValue::UNDEFINED);
        }
    }

    fn on_drain(&self, advice: Drain) {
        let [min, max] = [advice.min, advice.max].map(|time| time.as_secs_f64() * 1000.0);
        self.events
            .emit(|events| events.drain(advice.another_link, min, max));
    }

    fn on_ended(self: &Rc<Self>, reason: &CloseReason) {
        if let Some(opening) = self.opening.take() {
            settle_promise(&opening.reject, &Failure::connect(reason).into());
            return;
        }
        self.kept.take();
        self.events.close(reason);
    }
}

/// Settles a promise with one of its two functions, which do not throw.
pub(super) fn settle_promise(function: &Function, value: &JsValue) {
    let _ = function.call1(&JsValue::UNDEFINED, value);
}

/// Makes a machine whose time begins with the session's clock, so that the handshake timeout covers
/// the opening of the socket.
fn machine(framing: Framing, config: &Config) -> Link {
    Link::new(Role::Initiator, framing, config, Duration::ZERO)
}
