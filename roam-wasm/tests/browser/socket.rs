//! Two ends of a WebSocket, without a network between them.

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

    /// As when the network has connected.
    #[wasm_bindgen(method)]
    pub(crate) fn opened(this: &FakeSocket);

    /// As when a frame has come.
    #[wasm_bindgen(method)]
    pub(crate) fn received(this: &FakeSocket, data: &JsValue);

    /// As when the network has failed.
    #[wasm_bindgen(method)]
    pub(crate) fn failed(this: &FakeSocket, message: &str);

    /// As when the socket has closed.
    #[wasm_bindgen(method)]
    pub(crate) fn closed(this: &FakeSocket, code: u16, reason: &str);

    /// How many handlers are set.
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
    /// The socket as what it stands for.
    pub(crate) fn socket(&self) -> WebSocket {
        self.clone().unchecked_into()
    }
}

/// Two ends on which a subprotocol was picked, not open yet.
pub(crate) fn sockets(protocol: &str) -> [FakeSocket; 2] {
    let pair = FakeSocket::pair(protocol);
    [0, 1].map(|index| pair.get(index).unchecked_into())
}

/// Waits until the events that are under way have come, and what they caused.
pub(crate) async fn after_events() {
    let done = JsFuture::from(after_events_promise()).await;
    done.expect("it does not fail");
}
