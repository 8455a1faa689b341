//! The events of a WebSocket.

use alloc::format;
use alloc::rc::Rc;
use alloc::string::String;
use core::cell::RefCell;

use bytes::Bytes;
use js_sys::{Reflect, Uint8Array};
use roam_proto::PeerClose;
use roam_proto::{Rule, Violation};
use wasm_bindgen::prelude::*;
use web_sys::{BinaryType, CloseEvent, MessageEvent, WebSocket};

/// An event of a socket.
pub(crate) enum SocketEvent {
    /// The socket is open.
    Open,
    /// A frame arrived, or something that violates the protocol.
    Frame(Result<Bytes, Violation>),
    /// The socket is closed; no event follows.
    Closed(PeerClose),
}

/// Listens to a socket. Dropping it closes the socket.
pub(crate) struct Listener {
    socket: WebSocket,
    _handlers: [Handler; 4],
}

type Handler = Closure<dyn Fn(JsValue)>;

impl Listener {
    /// Passes all events to `on_event`. A frame longer than `max_frame` bytes becomes a violation.
    pub(crate) fn new(
        socket: &WebSocket,
        max_frame: usize,
        on_event: impl Fn(SocketEvent) + Clone + 'static,
    ) -> Self {
        socket.set_binary_type(BinaryType::Arraybuffer);
        // The message of an error event, which the close event after it does not repeat.
        let failure = Rc::new(RefCell::new(None));
        let failed = Rc::clone(&failure);
        let [on_open, on_message, on_close] = [on_event.clone(), on_event.clone(), on_event];
        let open = Handler::new(move |_| on_open(SocketEvent::Open));
        let message = Handler::new(move |event: JsValue| {
            let data = event.unchecked_into::<MessageEvent>().data();
            on_message(SocketEvent::Frame(read(&data, max_frame)));
        });
        let error = Handler::new(move |event: JsValue| *failed.borrow_mut() = message_of(&event));
        let close = Handler::new(move |event: JsValue| {
            on_close(SocketEvent::Closed(closed(
                &event.unchecked_into(),
                &failure,
            )));
        });
        socket.set_onopen(Some(open.as_ref().unchecked_ref()));
        socket.set_onmessage(Some(message.as_ref().unchecked_ref()));
        socket.set_onerror(Some(error.as_ref().unchecked_ref()));
        socket.set_onclose(Some(close.as_ref().unchecked_ref()));
        Self {
            socket: socket.clone(),
            _handlers: [open, message, error, close],
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        // The handlers are about to be freed, so nothing may call them.
        self.socket.set_onopen(None);
        self.socket.set_onmessage(None);
        self.socket.set_onerror(None);
        self.socket.set_onclose(None);
        // It fails only for an invalid code, and does nothing if the socket is already closed. Data
        // sent before still goes out.
        let _ = self.socket.close();
    }
}

fn read(data: &JsValue, max: usize) -> Result<Bytes, Violation> {
    if data.is_string() {
        return Err(Rule::DecodeError.because("text frame"));
    }
    let frame = Uint8Array::new(data);
    let len = frame.length() as usize;
    if len > max {
        return Err(Rule::TooLarge.because(format!("a frame of {len} bytes, {max} allowed")));
    }
    Ok(frame.to_vec().into())
}

/// Returns the message of an error event; browsers give none.
fn message_of(event: &JsValue) -> Option<String> {
    Reflect::get(event, &"message".into()).ok()?.as_string()
}

fn closed(event: &CloseEvent, failure: &RefCell<Option<String>>) -> PeerClose {
    let mut reason = event.reason();
    if reason.is_empty() {
        reason = failure.take().unwrap_or_default();
    }
    PeerClose {
        code: event.code(),
        reason,
    }
}
