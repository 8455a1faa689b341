//! A link to a peer.

use alloc::rc::Rc;
use alloc::vec::Vec;
use core::time::Duration;

use js_sys::{Object, Promise};
use roam_proto::{Close, Config, ConnectionId, Metadata, MethodId, RequestId};
use wasm_bindgen::prelude::*;
use web_sys::WebSocket;

use super::channels::{Channels, placed};
use super::diagnostics;
use super::events::{Events, LinkEvents};
use super::failure::Failure;
use super::ids::{from_number, to_number};
use super::outcome::OutcomeKind;
use super::session::{Opening, Session};

#[wasm_bindgen]
extern "C" {
    /// The settings of a link; `undefined` selects the default.
    pub type OpenOptions;

    #[wasm_bindgen(method, getter, js_name = maxPayloadSize)]
    fn max_payload_size(this: &OpenOptions) -> Option<u32>;

    #[wasm_bindgen(method, getter, js_name = initialChannelCredit)]
    fn initial_channel_credit(this: &OpenOptions) -> Option<u32>;

    #[wasm_bindgen(method, getter, js_name = channelWindow)]
    fn channel_window(this: &OpenOptions) -> Option<u32>;

    /// What we say of ourselves on the first socket: encoded metadata.
    #[wasm_bindgen(method, getter)]
    fn metadata(this: &OpenOptions) -> Option<Vec<u8>>;

    #[wasm_bindgen(method, getter, js_name = handshakeTimeoutMs)]
    fn handshake_timeout_ms(this: &OpenOptions) -> Option<u32>;

    /// A plain object of statistics.
    #[wasm_bindgen(extends = Object)]
    pub type LinkStats;

    #[wasm_bindgen(method, setter, js_name = bytesIn)]
    fn set_bytes_in(this: &LinkStats, bytes: f64);

    #[wasm_bindgen(method, setter, js_name = bytesOut)]
    fn set_bytes_out(this: &LinkStats, bytes: f64);

    #[wasm_bindgen(method, setter, js_name = framesIn)]
    fn set_frames_in(this: &LinkStats, frames: u32);

    #[wasm_bindgen(method, setter, js_name = framesOut)]
    fn set_frames_out(this: &LinkStats, frames: u32);

    #[wasm_bindgen(method, setter, js_name = framesResent)]
    fn set_frames_resent(this: &LinkStats, frames: f64);

    #[wasm_bindgen(method, setter, js_name = callsOut)]
    fn set_calls_out(this: &LinkStats, calls: usize);

    #[wasm_bindgen(method, setter, js_name = callsIn)]
    fn set_calls_in(this: &LinkStats, calls: usize);

    #[wasm_bindgen(method, setter)]
    fn set_channels(this: &LinkStats, channels: usize);

    #[wasm_bindgen(method, setter)]
    fn set_credit(this: &LinkStats, bytes: f64);

    #[wasm_bindgen(method, setter, js_name = queuedBytes)]
    fn set_queued_bytes(this: &LinkStats, bytes: usize);
}

impl OpenOptions {
    fn config(&self) -> Config {
        let mut config = Config::client();
        if let Some(bytes) = self.max_payload_size() {
            config.max_payload_size = bytes;
        }
        if let Some(bytes) = self.initial_channel_credit() {
            config.initial_channel_credit = bytes;
        }
        if let Some(bytes) = self.channel_window() {
            config.limits.channel_window = bytes;
        }
        if let Some(millis) = self.handshake_timeout_ms() {
            config.handshake_timeout = Duration::from_millis(millis.into());
        }
        config
    }
}

/// Takes over a socket that is connecting or open. Resolves after the event `ready`, which hands
/// over the [`Link`], and rejects with a [`Failure`] if it cannot be opened.
#[wasm_bindgen(unchecked_return_type = "Promise<void>")]
#[allow(
    clippy::needless_pass_by_value,
    reason = "the options are a JavaScript object"
)]
pub fn open(socket: WebSocket, options: OpenOptions, events: LinkEvents) -> Promise {
    let metadata = decoded(options.metadata());
    let mut begin = Some((socket, options.config(), metadata, Events::new(events)));
    Promise::new(&mut |resolve, reject| {
        if let Some((socket, config, metadata, events)) = begin.take() {
            let opening = Opening { resolve, reject };
            let session = Session::new(socket, config, metadata, events, opening);
            session.start();
        }
    })
}

/// Decodes what was encoded by TypeScript.
fn decoded(metadata: Option<Vec<u8>>) -> Metadata {
    metadata
        .and_then(|bytes| Metadata::from_bytes(&bytes).ok())
        .unwrap_or_default()
}

/// A link to a peer, which moves encoded values.
#[wasm_bindgen]
pub struct Link {
    session: Rc<Session>,
}

impl Link {
    pub(super) fn new(session: Rc<Session>) -> Self {
        Self { session }
    }
}

#[wasm_bindgen]
impl Link {
    /// Makes a call and returns its id. `channels` has two numbers for each channel in the payload: 0
    /// keeps the sender here, 1 the receiver; and the index of the byte that its id replaces.
    /// [`kept`](Self::kept) returns the halves.
    ///
    /// # Errors
    /// The call was not sent.
    #[allow(
        clippy::needless_pass_by_value,
        reason = "wasm-bindgen passes no optional slices"
    )]
    pub fn call(
        &self,
        connection: f64,
        method: u64,
        payload: &[u8],
        metadata: Option<Vec<u8>>,
        channels: Option<Vec<u32>>,
    ) -> Result<f64, Failure> {
        let placed = placed(channels.as_deref(), 0, payload)?;
        let connection = ConnectionId(from_number(connection));
        let (method, metadata) = (MethodId(method), metadata.as_deref());
        let (call, channels) =
            (self.session).call(connection, method, payload, metadata, &placed)?;
        let kept = Channels::new(&self.session, connection, &channels, &placed);
        self.session.kept.set(kept);
        Ok(to_number(call.0))
    }

    /// Takes the kept halves of the last [`call`](Self::call).
    pub fn kept(&self) -> Option<Channels> {
        self.session.kept.take()
    }

    /// Cancels a call. An event for it that is already on its way still comes.
    pub fn cancel(&self, connection: f64, call: f64) {
        let connection = ConnectionId(from_number(connection));
        let call = RequestId(from_number(call));
        self.session.act(|link| link.calls(connection).cancel(call));
    }

    /// Answers a call by the peer, even a cancelled one, and returns the kept halves; `channels` as in
    /// [`call`](Self::call). The body is empty for kinds without one.
    ///
    /// # Errors
    /// The call was not answered, and another answer can be sent.
    #[allow(
        clippy::needless_pass_by_value,
        reason = "wasm-bindgen passes no optional slices"
    )]
    pub fn respond(
        &self,
        connection: f64,
        request: u64,
        kind: OutcomeKind,
        body: &[u8],
        metadata: Option<Vec<u8>>,
        channels: Option<Vec<u32>>,
    ) -> Result<Option<Channels>, Failure> {
        let outcome = kind
            .outcome()
            .ok_or_else(|| Failure::protocol("an answer to send is never malformed"))?;
        let placed = placed(channels.as_deref(), outcome.prefix().len(), body)?;
        let connection = ConnectionId(from_number(connection));
        let (request, metadata) = (RequestId(request), metadata.as_deref());
        let channels =
            (self.session).respond(connection, request, outcome, body, metadata, &placed)?;
        Ok(Channels::new(&self.session, connection, &channels, &placed))
    }

    /// Returns the current statistics.
    #[allow(
        clippy::cast_precision_loss,
        reason = "JavaScript's numbers count to 2^53"
    )]
    pub fn stats(&self) -> LinkStats {
        let stats = self.session.link.borrow().stats();
        let (frames_in, frames_out) = self.session.frames();
        let object: LinkStats = Object::new().unchecked_into();
        object.set_bytes_in(stats.traffic.received as f64);
        object.set_bytes_out(stats.traffic.sent as f64);
        object.set_frames_in(frames_in);
        object.set_frames_out(frames_out);
        object.set_frames_resent(stats.resent_frames as f64);
        object.set_calls_out(stats.outgoing_calls);
        object.set_calls_in(stats.incoming_calls);
        object.set_channels(stats.channels);
        object.set_credit(stats.credit as f64);
        let in_socket = self.session.socket.borrow().buffered_amount() as usize;
        object.set_queued_bytes(stats.queued_bytes + in_socket);
        object
    }

    /// Returns a snapshot of everything in flight, as rows of numbers. Ages are known of calls and
    /// channels that begin after the first snapshot.
    pub fn diagnostics(&self) -> Vec<u64> {
        self.session.track_ages();
        diagnostics::rows(&self.session.link.borrow().diagnostics())
    }

    /// Goes on with the link on another socket: one that is connecting or open, after the event `cut`; or one that is
    /// open, in place of the present one.
    pub fn attach(&self, socket: WebSocket, metadata: Option<Vec<u8>>) {
        self.session.metadata.replace(decoded(metadata));
        self.session.leave_socket();
        self.session.socket.replace(socket);
        self.session.listen();
    }

    /// Answers the event `tokenAsked` with what we say of ourselves now.
    #[wasm_bindgen(js_name = giveToken)]
    pub fn give_token(&self, metadata: Option<Vec<u8>>) {
        let metadata = decoded(metadata);
        self.session.act(|link| link.give_token(&metadata));
    }

    /// Asks the peer for a sign of life, since the network may have changed.
    pub fn probe(&self) {
        let now = self.session.clock.now();
        self.session.act(|link| link.probe(now));
        self.session.set_timer(None);
    }

    /// Closes the link, after sending what is queued.
    pub fn close(&self, code: u16, reason: &str) {
        // TypeScript checks the code.
        let close = Close::new(code, reason).unwrap_or_else(|_| Close::normal());
        self.session.act(|link| link.close_with(close));
    }
}
