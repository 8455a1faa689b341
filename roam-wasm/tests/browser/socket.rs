//! Pairs of fake sockets without a network.

use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use web_sys::WebSocket;

#[wasm_bindgen(module = "/tests/browser/socket.js")]
extern "C" {
    #[derive(Clone)]
    pub(crate) type FakeSocket;

    #[wasm_bindgen(constructor)]
    pub(crate) fn new(protocol: &str) -> FakeSocket;

    #[wasm_bindgen(static_method_of = FakeSocket)]
    fn pair(protocol: &str) -> js_sys::Array;

    /// Emits the open event, as when the network connects.
    #[wasm_bindgen(method)]
    pub(crate) fn opened(this: &FakeSocket);

    /// Emits a message event, as when a frame arrives.
    #[wasm_bindgen(method)]
    pub(crate) fn received(this: &FakeSocket, data: &JsValue);

    /// Emits an error and a close event, as when the network fails.
    #[wasm_bindgen(method)]
    pub(crate) fn failed(this: &FakeSocket, message: &str);

    /// Emits the close event.
    #[wasm_bindgen(method)]
    pub(crate) fn closed(this: &FakeSocket, code: u16, reason: &str);

    /// Returns how many event handlers are set.
    #[wasm_bindgen(method)]
    pub(crate) fn handlers(this: &FakeSocket) -> usize;

    #[wasm_bindgen(method, getter, js_name = framesSent)]
    pub(crate) fn frames_sent(this: &FakeSocket) -> usize;

    #[wasm_bindgen(method, getter, js_name = readyState)]
    pub(crate) fn ready_state(this: &FakeSocket) -> u16;

    #[wasm_bindgen(method, setter, js_name = bufferedAmount)]
    pub(crate) fn set_buffered_amount(this: &FakeSocket, bytes: u32);

    #[wasm_bindgen(js_name = afterEvents)]
    fn after_events_promise() -> js_sys::Promise;
}

impl FakeSocket {
    /// Returns the fake as a `WebSocket`.
    pub(crate) fn socket(&self) -> WebSocket {
        self.clone().unchecked_into()
    }
}

/// Returns two connected sockets with a subprotocol, not open yet.
pub(crate) fn sockets(protocol: &str) -> [FakeSocket; 2] {
    let pair = FakeSocket::pair(protocol);
    [0, 1].map(|index| pair.get(index).unchecked_into())
}

/// Waits until all pending events, and the events they cause, have been handled.
pub(crate) async fn after_events() {
    let done = JsFuture::from(after_events_promise()).await;
    done.expect("the promise never rejects");
}
