//! The events of a WebSocket.

use std::cell::RefCell;
use std::fmt;
use std::rc::Rc;

use bytes::Bytes;
use js_sys::{Reflect, Uint8Array};
use roam_core::{Rule, Violation};
use wasm_bindgen::prelude::*;
use web_sys::{BinaryType, CloseEvent, MessageEvent, WebSocket};

/// What a socket tells.
pub(crate) enum SocketEvent {
    /// It is open.
    Open,
    /// A frame has come, or something that is none of ours.
    Frame(Result<Bytes, Violation>),
    /// It is closed; nothing follows.
    Closed(SocketClosed),
}

/// The socket was closed without a Goodbye of the peer, or failed.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
pub struct SocketClosed {
    /// The WebSocket's close code; 1006 when the network failed.
    pub code: u16,
    /// What the peer, or the platform, says; often empty.
    pub reason: String,
}

// What `derive` would write takes more of a page's bytes than it is worth.
impl fmt::Debug for SocketClosed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for SocketClosed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the socket closed with code {}", self.code)?;
        if self.reason.is_empty() {
            return Ok(());
        }
        write!(f, ": {}", self.reason)
    }
}

/// Listens to a socket as long as it lives; then the socket is closed.
pub(crate) struct Listener {
    socket: WebSocket,
    _handlers: [Handler; 4],
}

type Handler = Closure<dyn Fn(JsValue)>;

impl SocketClosed {
    /// The socket was closed before anybody listened.
    pub(crate) fn before() -> Self {
        Self {
            code: 1006,
            reason: String::new(),
        }
    }
}

impl Listener {
    /// Hands all events to `tell`. Frames longer than `max_frame` bytes are not taken in.
    pub(crate) fn new(
        socket: &WebSocket,
        max_frame: usize,
        tell: impl Fn(SocketEvent) + Clone + 'static,
    ) -> Self {
        socket.set_binary_type(BinaryType::Arraybuffer);
        // What an error event said; the close event that follows it does not.
        let failure = Rc::new(RefCell::new(None));
        let failed = Rc::clone(&failure);
        let [on_open, on_message, on_close] = [tell.clone(), tell.clone(), tell];
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
        // The handlers are freed: nothing may call them any more.
        self.socket.set_onopen(None);
        self.socket.set_onmessage(None);
        self.socket.set_onerror(None);
        self.socket.set_onclose(None);
        // It fails for nothing but a wrong code, and does nothing when done twice. What was sent
        // before still goes out.
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

/// What an error event says; in browsers nothing.
fn message_of(event: &JsValue) -> Option<String> {
    Reflect::get(event, &"message".into()).ok()?.as_string()
}

fn closed(event: &CloseEvent, failure: &RefCell<Option<String>>) -> SocketClosed {
    let mut reason = event.reason();
    if reason.is_empty() {
        reason = failure.take().unwrap_or_default();
    }
    SocketClosed {
        code: event.code(),
        reason,
    }
}
