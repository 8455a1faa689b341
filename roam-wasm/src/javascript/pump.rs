//! What drives a link: the socket's events and timers bring to the machine what comes in, and a
//! microtask brings to the socket what goes out.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use roam_core::transport::framing_of;
use wasm_bindgen::prelude::*;
use web_sys::WebSocket;

use super::session::Session;
use crate::listener::{Listener, SocketClosed, SocketEvent};
use crate::transport::{MAX_BUFFERED, RECHECK};

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_name = queueMicrotask)]
    fn queue_microtask(callback: &Callback);

    // A number in browsers, an object in Node.
    #[wasm_bindgen(js_name = setTimeout)]
    fn set_timeout(callback: &Callback, millis: f64) -> JsValue;

    #[wasm_bindgen(js_name = clearTimeout)]
    fn clear_timeout(timer: &JsValue);
}

type Callback = Closure<dyn Fn(JsValue)>;

/// What runs a session. It holds on to the session until the link is over.
#[derive(Default)]
pub(super) struct Pump {
    /// What JavaScript calls; `None` when the link is over.
    callbacks: RefCell<Option<Callbacks>>,
    scheduled: Cell<bool>,
    timer: RefCell<Option<JsValue>>,
    open: Cell<bool>,
    frames_in: Cell<u32>,
    frames_out: Cell<u32>,
}

struct Callbacks {
    _listener: Listener,
    microtask: Callback,
    timeout: Callback,
}

impl Session {
    /// Begins to listen to the socket.
    pub(super) fn start(self: &Rc<Self>) {
        let session = Rc::clone(self);
        let listener = Listener::new(&self.socket, self.config.max_frame(), move |event| {
            session.socket_event(event);
        });
        let session = Rc::clone(self);
        let microtask = Callback::new(move |_| session.pump());
        let session = Rc::clone(self);
        let timeout = Callback::new(move |_| session.timer_rang());
        let callbacks = Callbacks {
            _listener: listener,
            microtask,
            timeout,
        };
        self.pump.callbacks.replace(Some(callbacks));
        self.set_timer(self.config.handshake_timeout);
        match self.socket.ready_state() {
            WebSocket::OPEN => self.socket_event(SocketEvent::Open),
            WebSocket::CLOSED => self.socket_event(SocketEvent::Closed(SocketClosed::before())),
            _ => {}
        }
    }

    fn socket_event(self: &Rc<Self>, event: SocketEvent) {
        self.tell_time();
        match event {
            SocketEvent::Open => {
                self.pump.open.set(true);
                self.opened(framing_of(Some(&self.socket.protocol())));
            }
            SocketEvent::Frame(Ok(frame)) => {
                self.pump
                    .frames_in
                    .set(self.pump.frames_in.get().wrapping_add(1));
                self.link.borrow_mut().handle_frame(&frame);
            }
            SocketEvent::Frame(Err(violation)) => {
                self.link.borrow_mut().handle_violation(violation);
            }
            SocketEvent::Closed(closed) => self.link.borrow_mut().handle_lost(Arc::new(closed)),
        }
        self.settle();
        self.schedule();
    }

    /// Only two things are waited for: the end of the handshake's time, and a full socket.
    fn timer_rang(self: &Rc<Self>) {
        self.pump.timer.take();
        self.link
            .borrow_mut()
            .handle_timeout(self.config.handshake_timeout);
        self.pump();
    }

    fn set_timer(&self, after: Duration) {
        let millis = after.as_millis().min(i32::MAX.unsigned_abs().into());
        if let (Some(callbacks), Ok(millis)) =
            (&*self.pump.callbacks.borrow(), u32::try_from(millis))
        {
            self.clear_timer();
            self.pump
                .timer
                .replace(Some(set_timeout(&callbacks.timeout, millis.into())));
        }
    }

    pub(super) fn clear_timer(&self) {
        if let Some(timer) = self.pump.timer.take() {
            clear_timeout(&timer);
        }
    }

    /// Has what is to be sent be sent soon: together with what the rest of this task queues.
    pub(super) fn schedule(&self) {
        if let Some(callbacks) = &*self.pump.callbacks.borrow()
            && !self.pump.scheduled.replace(true)
        {
            queue_microtask(&callbacks.microtask);
        }
    }

    /// Sends what there is, as far as the socket can take it.
    fn pump(self: &Rc<Self>) {
        self.pump.scheduled.set(false);
        self.settle();
        while let Some(frame) = self.next_frame() {
            self.pump
                .frames_out
                .set(self.pump.frames_out.get().wrapping_add(1));
            // A socket that is closed takes everything, and says so in an event.
            let _ = self.socket.send_with_u8_array(&frame);
            self.settle();
        }
        // A microtask that is queued already still calls its callback.
        if self.is_over() && !self.pump.scheduled.get() {
            // What is in the socket still goes out.
            self.clear_timer();
            self.pump.callbacks.take();
        }
    }

    fn next_frame(&self) -> Option<bytes::Bytes> {
        // What is left when the link is over is bounded, and not to be waited for.
        if !self.pump.open.get() {
            return None;
        }
        if !self.is_over() && self.socket.buffered_amount() > MAX_BUFFERED {
            self.set_timer(RECHECK);
            return None;
        }
        self.link.borrow_mut().poll_transmit()
    }

    fn is_over(&self) -> bool {
        self.link.borrow().close_reason().is_some()
    }

    /// Frames received and sent, as far as they fit.
    pub(super) fn frames(&self) -> (u32, u32) {
        (self.pump.frames_in.get(), self.pump.frames_out.get())
    }
}
