//! Drives a link: the socket's events and timers feed the machine, and a microtask sends what the
//! machine has queued.

use alloc::rc::Rc;
use alloc::sync::Arc;
use core::cell::{Cell, RefCell};
use core::time::Duration;

use roam_proto::PeerClose;
use roam_proto::subprotocol::framing_of;
use wasm_bindgen::prelude::*;
use web_sys::WebSocket;

use super::events::LinkEvents;
use super::session::Session;
use crate::listener::{Listener, SocketEvent};
use crate::socket::{MAX_BUFFERED, RECHECK, close};

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_name = queueMicrotask)]
    fn queue_microtask(callback: &Callback);

    // Returns a number in browsers, an object in Node.
    #[wasm_bindgen(js_name = setTimeout)]
    fn set_timeout(callback: &Callback, millis: u32) -> JsValue;

    #[wasm_bindgen(js_name = clearTimeout)]
    fn clear_timeout(timer: &JsValue);
}

/// The longest time that `setTimeout` takes.
const LONGEST_TIMER_MS: u32 = i32::MAX as u32;

type Callback = Closure<dyn Fn(JsValue)>;

/// The driver of a session. Its callbacks keep the session alive until the link has ended.
#[derive(Default)]
pub(super) struct SocketDriver {
    /// The functions that JavaScript calls; `None` when the link has ended.
    callbacks: RefCell<Option<Callbacks>>,
    /// Listens to the present socket; `None` when there is none.
    listener: RefCell<Option<Listener>>,
    /// When a link without a socket is given up.
    given_up: Cell<Option<Duration>>,
    /// Sockets in a row that carried nothing.
    failures: Cell<u32>,
    scheduled: Cell<bool>,
    timer: RefCell<Option<JsValue>>,
    open: Cell<bool>,
    frames_in: Cell<u32>,
    frames_out: Cell<u32>,
}

struct Callbacks {
    microtask: Callback,
    timeout: Callback,
}

impl Session {
    /// Starts listening to the socket.
    pub(super) fn start(self: &Rc<Self>) {
        let session = Rc::clone(self);
        let microtask = Callback::new(move |_| session.send_queued());
        let session = Rc::clone(self);
        let timeout = Callback::new(move |_| session.on_timeout());
        let callbacks = Callbacks { microtask, timeout };
        self.driver.callbacks.replace(Some(callbacks));
        self.listen();
    }

    /// Leaves the present socket, if there is one: the link goes on with another.
    pub(super) fn leave_socket(&self) {
        if self.driver.listener.take().is_some() {
            self.driver.open.set(false);
            self.link.borrow_mut().detach();
        }
    }

    /// Starts listening to another socket.
    pub(super) fn listen(self: &Rc<Self>) {
        let socket = self.socket.borrow().clone();
        let session = Rc::clone(self);
        let listener = Listener::new(&socket, self.config.max_frame(), move |event| {
            session.on_socket_event(event);
        });
        self.driver.listener.replace(Some(listener));
        self.set_timer(None);
        match socket.ready_state() {
            WebSocket::OPEN => self.on_socket_event(SocketEvent::Open),
            WebSocket::CLOSED => {
                self.on_socket_event(SocketEvent::Closed(PeerClose::ABNORMAL));
            }
            _ => {}
        }
    }

    fn on_socket_event(self: &Rc<Self>, event: SocketEvent) {
        self.update_clock();
        // The timer may be late: browsers slow those of hidden pages.
        self.handle_due();
        match event {
            SocketEvent::Open => {
                self.driver.open.set(true);
                if !self.has_ended() {
                    self.on_open(framing_of(Some(&self.socket.borrow().protocol())));
                    self.set_timer(None);
                }
            }
            SocketEvent::Frame(Ok(frame)) => {
                self.driver
                    .frames_in
                    .set(self.driver.frames_in.get().wrapping_add(1));
                self.link.borrow_mut().handle_frame(&frame);
                self.check_resumed();
            }
            SocketEvent::Frame(Err(violation)) => {
                self.link.borrow_mut().handle_violation(violation);
            }
            SocketEvent::Closed(closed) => self.on_lost(closed),
        }
        self.handle_events();
        self.schedule();
    }

    /// Handles the only timer. It may be early.
    fn on_timeout(self: &Rc<Self>) {
        self.driver.timer.take();
        self.handle_due();
        self.set_timer(None);
        self.send_queued();
    }

    /// The socket is lost. The link waits for another, if its peer keeps it.
    fn on_lost(self: &Rc<Self>, closed: PeerClose) {
        let mut link = self.link.borrow_mut();
        let now = self.clock.now();
        let keep = link.keep();
        let given_up = self.driver.given_up.get().unwrap_or(now + keep);
        let postponed = link.take_postponed();
        let is_final = postponed.is_none() && closed.is_final();
        if keep.is_zero() || now >= given_up || link.close_reason().is_some() || is_final {
            return link.handle_lost(Arc::new(closed));
        }
        let after = postponed.and_then(|refusal| refusal.retry_after);
        let after = after.map(|after| after.as_secs_f64() * 1000.0);
        let failures = self.driver.failures.get();
        self.driver.failures.set(failures.saturating_add(1));
        self.driver.given_up.set(Some(given_up));
        link.detach();
        drop(link);
        self.driver.open.set(false);
        self.driver.listener.take();
        self.set_timer(None);
        self.events.emit(|events| events.cut(failures, after));
    }

    /// Finds out whether a link that had lost its socket goes on.
    fn check_resumed(&self) {
        let waits = self.driver.given_up.get().is_some();
        if waits && self.link.borrow().is_attached() {
            self.driver.given_up.take();
            self.driver.failures.take();
            self.set_timer(None);
            self.events.emit(LinkEvents::resumed);
        }
    }

    /// Handles the timeouts that have passed.
    fn handle_due(self: &Rc<Self>) {
        let now = self.clock.now();
        if self.driver.given_up.get().is_some_and(|at| now >= at) {
            self.link
                .borrow_mut()
                .handle_lost(Arc::new(PeerClose::ABNORMAL));
        }
        let due = self.link.borrow().poll_timeout();
        if due.is_some_and(|due| now >= due) {
            self.link.borrow_mut().handle_timeout(now);
        }
        if self.link.borrow().is_transport_dead() {
            self.on_lost(PeerClose::ABNORMAL);
        }
    }

    /// Sets the timer for the machine's timeout, or for `recheck` if that is earlier.
    pub(super) fn set_timer(&self, recheck: Option<Duration>) {
        let due = self.link.borrow().poll_timeout();
        let due = due.into_iter().chain(self.driver.given_up.get()).min();
        let rest = due.map(|due| due.saturating_sub(self.clock.now()));
        let Some(after) = recheck.into_iter().chain(rest).min() else {
            return;
        };
        if let Some(callbacks) = &*self.driver.callbacks.borrow() {
            self.clear_timer();
            let timer = set_timeout(&callbacks.timeout, timer_millis(after));
            self.driver.timer.replace(Some(timer));
        }
    }

    pub(super) fn clear_timer(&self) {
        if let Some(timer) = self.driver.timer.take() {
            clear_timeout(&timer);
        }
    }

    /// Sends queued frames in a microtask, together with what the rest of this task queues.
    pub(super) fn schedule(&self) {
        if let Some(callbacks) = &*self.driver.callbacks.borrow()
            && !self.driver.scheduled.replace(true)
        {
            queue_microtask(&callbacks.microtask);
        }
    }

    /// Sends queued frames until the socket is full.
    fn send_queued(self: &Rc<Self>) {
        self.driver.scheduled.set(false);
        self.handle_events();
        // A page cannot see what else has come: to its main thread, each message is a task of its own.
        self.link.borrow_mut().handle_caught_up();
        while let Some(frame) = self.next_frame() {
            self.driver
                .frames_out
                .set(self.driver.frames_out.get().wrapping_add(1));
            // A closed socket accepts frames too, and reports its end in an event.
            let _ = self.socket.borrow().send_with_u8_array(&frame);
            self.handle_events();
        }
        // A scheduled microtask still needs its callback.
        if self.has_ended() && !self.driver.scheduled.get() {
            // The browser still sends what the socket has buffered.
            self.clear_timer();
            self.close_socket();
            self.driver.listener.take();
            self.driver.callbacks.take();
        }
    }

    /// Closes the socket with the code for how the link ended.
    fn close_socket(&self) {
        if let Some(reason) = self.link.borrow().close_reason() {
            close(&self.socket.borrow(), &reason.close());
        }
    }

    fn next_frame(&self) -> Option<bytes::Bytes> {
        // A socket that is closing sends nothing, and its event comes later.
        let is_open = self.socket.borrow().ready_state() == WebSocket::OPEN;
        if !(self.driver.open.get() && is_open) {
            return None;
        }
        // After the end of the link the remaining frames are few: send them without waiting.
        if !self.has_ended() && self.socket.borrow().buffered_amount() > MAX_BUFFERED {
            self.set_timer(Some(RECHECK));
            return None;
        }
        self.link.borrow_mut().poll_transmit()
    }

    fn has_ended(&self) -> bool {
        self.link.borrow().close_reason().is_some()
    }

    /// Returns the number of frames received and sent, modulo 2^32.
    pub(super) fn frames(&self) -> (u32, u32) {
        (self.driver.frames_in.get(), self.driver.frames_out.get())
    }
}

/// Returns the time for a timer that is not early: fractions would be truncated, and more than the
/// longest timer would be zero.
fn timer_millis(after: Duration) -> u32 {
    let seconds = after.as_secs().saturating_mul(1000);
    let millis = seconds.saturating_add(after.subsec_nanos().div_ceil(1_000_000).into());
    u32::try_from(millis).map_or(LONGEST_TIMER_MS, |millis| millis.min(LONGEST_TIMER_MS))
}
