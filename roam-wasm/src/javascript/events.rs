//! The events of a link, as calls to JavaScript.

use alloc::rc::Rc;
use core::cell::RefCell;

use js_sys::{Object, Promise};
use roam_proto::CloseReason;
use wasm_bindgen::prelude::*;

use super::channels::Channels;
use super::failure::{Failure, code_of, kind_of, text_of};
use super::link::Link;
use super::outcome::OutcomeKind;

#[wasm_bindgen]
extern "C" {
    /// An object of JavaScript with a method for each event.
    ///
    /// Payloads, bodies and metadata are views into wasm's memory, valid until wasm is called again
    /// or the method returns.
    pub type LinkEvents;

    /// The handshake is complete: the first event. Lengths in bytes. The peer handles this many calls without
    /// channels at once, with arguments of this many bytes.
    #[wasm_bindgen(method, catch)]
    pub(super) fn ready(
        this: &LinkEvents,
        link: Link,
        max_payload: u32,
        largest_element: usize,
        calls: usize,
        call_bytes: usize,
    ) -> Result<(), JsValue>;

    /// A call was answered.
    #[wasm_bindgen(method, catch)]
    pub(super) fn response(
        this: &LinkEvents,
        connection: f64,
        call: f64,
        kind: OutcomeKind,
        body: &[u8],
        halves: Option<Channels>,
    ) -> Result<(), JsValue>;

    /// A call failed and will not be answered.
    #[wasm_bindgen(method, catch)]
    pub(super) fn failed(
        this: &LinkEvents,
        connection: f64,
        call: f64,
        failure: Failure,
    ) -> Result<(), JsValue>;

    /// The peer calls a method.
    #[wasm_bindgen(method, catch)]
    pub(super) fn request(
        this: &LinkEvents,
        connection: f64,
        request: u64,
        method: u64,
        payload: &[u8],
        metadata: &[u8],
        halves: Option<Channels>,
    ) -> Result<(), JsValue>;

    /// The peer cancelled its call.
    #[wasm_bindgen(method, catch)]
    pub(super) fn cancelled(
        this: &LinkEvents,
        connection: f64,
        request: u64,
    ) -> Result<(), JsValue>;

    /// The socket is lost, and the link goes on with another that [`attach`](Link::attach) gives it. This many
    /// sockets in a row were lost before they carried anything. The peer may have told after how many milliseconds to
    /// come again.
    #[wasm_bindgen(method, catch)]
    pub(super) fn cut(this: &LinkEvents, failures: u32, after: Option<f64>) -> Result<(), JsValue>;

    /// The link goes on with another socket.
    #[wasm_bindgen(method, catch)]
    pub(super) fn resumed(this: &LinkEvents) -> Result<(), JsValue>;

    /// The peer advises to open another link, or another socket for this one, between so many milliseconds.
    #[wasm_bindgen(method, catch)]
    pub(super) fn drain(
        this: &LinkEvents,
        another_link: bool,
        min: f64,
        max: f64,
    ) -> Result<(), JsValue>;

    /// The peer asks for a new token: [`giveToken`](Link::give_token).
    #[wasm_bindgen(method, catch, js_name = tokenAsked)]
    pub(super) fn token_asked(this: &LinkEvents) -> Result<(), JsValue>;

    /// The link has ended, and with it everything in flight.
    #[wasm_bindgen(method, catch)]
    pub(super) fn closed(this: &LinkEvents, info: CloseInfo) -> Result<(), JsValue>;

    /// A plain object that says how a link ended.
    #[wasm_bindgen(extends = Object)]
    pub type CloseInfo;

    #[wasm_bindgen(method, setter)]
    fn set_kind(this: &CloseInfo, kind: &str);

    #[wasm_bindgen(method, setter)]
    fn set_reason(this: &CloseInfo, reason: &str);

    #[wasm_bindgen(method, setter)]
    fn set_code(this: &CloseInfo, code: u16);
}

/// The object that gets the events, until the link has ended.
pub(super) struct Events(RefCell<Option<Rc<LinkEvents>>>);

impl Events {
    pub(super) fn new(events: LinkEvents) -> Self {
        Self(RefCell::new(Some(Rc::new(events))))
    }

    /// Emits an event. An exception in the callback is reported as an uncaught one.
    pub(super) fn emit(&self, event: impl FnOnce(&LinkEvents) -> Result<(), JsValue>) {
        if let Some(events) = self.get() {
            report(event(&events));
        }
    }

    /// Returns the object, which is not borrowed: the callback may end the link.
    fn get(&self) -> Option<Rc<LinkEvents>> {
        self.0.borrow().clone()
    }

    /// Emits the last event and drops the JavaScript object, which keeps the whole link alive.
    pub(super) fn close(&self, reason: &CloseReason) {
        let info: CloseInfo = Object::new().unchecked_into();
        info.set_kind(kind_of(reason));
        info.set_reason(&text_of(reason));
        if let Some(code) = code_of(reason) {
            info.set_code(code);
        }
        self.emit(|events| events.closed(info));
        self.0.take();
    }
}

/// Reports an exception as an uncaught one: a rejected promise that nobody handles.
fn report(result: Result<(), JsValue>) {
    if let Err(error) = result {
        drop(Promise::reject(&error));
    }
}
