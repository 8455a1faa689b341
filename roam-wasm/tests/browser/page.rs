//! A stand-in for the TypeScript layer: it records events, and calls the exports.

use js_sys::{Object, Promise, Reflect, Uint8Array, Uint32Array};
use roam_wasm::javascript::{self, OutcomeKind};
use serde::Serialize;
use serde::de::DeserializeOwned;
use wasm_bindgen::convert::TryFromJsValue;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;

use super::socket::FakeSocket;

#[wasm_bindgen(module = "/tests/browser/page.js")]
extern "C" {
    #[derive(Debug)]
    pub(crate) type Page;

    #[wasm_bindgen(constructor)]
    pub(crate) fn new() -> Page;

    #[wasm_bindgen(method, js_name = next)]
    fn next_promise(this: &Page) -> Promise;

    #[wasm_bindgen(method, getter)]
    pub(crate) fn unread(this: &Page) -> usize;

    #[wasm_bindgen(method, getter)]
    fn link(this: &Page) -> Link;

    /// The longest payload of the link, in bytes.
    #[wasm_bindgen(method, getter, js_name = maxPayload)]
    pub(crate) fn max_payload(this: &Page) -> usize;

    /// The longest element of the link's channels, in bytes.
    #[wasm_bindgen(method, getter, js_name = maxElement)]
    pub(crate) fn max_element(this: &Page) -> usize;

    #[wasm_bindgen(extends = Page)]
    #[derive(Debug)]
    pub(crate) type ThrowingPage;

    #[wasm_bindgen(constructor)]
    pub(crate) fn new() -> ThrowingPage;
}

#[wasm_bindgen]
extern "C" {
    /// A recorded event.
    #[derive(Debug)]
    pub(crate) type PageEvent;

    #[wasm_bindgen(method, getter)]
    pub(crate) fn kind(this: &PageEvent) -> String;

    #[wasm_bindgen(method, getter)]
    fn connection(this: &PageEvent) -> u32;

    #[wasm_bindgen(method, getter)]
    pub(crate) fn id(this: &PageEvent) -> u32;

    #[wasm_bindgen(method, getter)]
    pub(crate) fn method(this: &PageEvent) -> u64;

    #[wasm_bindgen(method, getter)]
    pub(crate) fn outcome(this: &PageEvent) -> OutcomeKind;

    /// The payload of a request, or the body of a response.
    #[wasm_bindgen(method, getter)]
    pub(crate) fn payload(this: &PageEvent) -> Vec<u8>;

    #[wasm_bindgen(method, getter)]
    pub(crate) fn metadata(this: &PageEvent) -> Vec<u8>;

    #[wasm_bindgen(method, getter)]
    pub(crate) fn channels(this: &PageEvent) -> Option<Channels>;

    #[wasm_bindgen(method, getter)]
    pub(crate) fn failure(this: &PageEvent) -> Failure;

    /// A failure, or how a link ended.
    #[derive(Debug)]
    pub(crate) type Failure;

    #[wasm_bindgen(method, getter)]
    pub(crate) fn kind(this: &Failure) -> String;

    #[wasm_bindgen(method, getter)]
    pub(crate) fn reason(this: &Failure) -> Option<String>;

    #[wasm_bindgen(method, getter)]
    pub(crate) fn code(this: &Failure) -> Option<u16>;

    #[wasm_bindgen(method, getter)]
    pub(crate) fn cause(this: &Failure) -> Option<String>;

    #[wasm_bindgen(method, getter)]
    pub(crate) fn message(this: &Failure) -> Option<String>;

    #[derive(Debug)]
    pub(crate) type Link;

    #[wasm_bindgen(method, catch, js_name = call)]
    fn call_bytes(
        this: &Link,
        connection: u32,
        method: u64,
        payload: &Uint8Array,
        metadata: Option<&Uint8Array>,
        channels: Option<&Uint32Array>,
    ) -> Result<u32, Failure>;

    #[wasm_bindgen(method)]
    fn kept(this: &Link) -> Option<Channels>;

    #[wasm_bindgen(method, js_name = cancel)]
    fn cancel_on(this: &Link, connection: u32, id: u32);

    #[wasm_bindgen(method, catch, js_name = respond)]
    fn respond_bytes(
        this: &Link,
        connection: u32,
        request: u64,
        kind: OutcomeKind,
        body: &Uint8Array,
        metadata: Option<&Uint8Array>,
        channels: Option<&Uint32Array>,
    ) -> Result<Option<Channels>, Failure>;

    #[wasm_bindgen(method)]
    fn stats(this: &Link) -> Object;

    #[wasm_bindgen(method)]
    pub(crate) fn close(this: &Link, code: u16, reason: &str);

    #[derive(Debug)]
    pub(crate) type Channels;

    #[wasm_bindgen(method, getter)]
    pub(crate) fn length(this: &Channels) -> usize;

    #[wasm_bindgen(method, catch)]
    pub(crate) fn sender(this: &Channels, index: usize) -> Result<Sender, Failure>;

    #[wasm_bindgen(method, catch)]
    pub(crate) fn receiver(this: &Channels, index: usize) -> Result<Receiver, Failure>;

    #[wasm_bindgen(method)]
    pub(crate) fn free(this: &Channels);

    #[derive(Debug)]
    pub(crate) type Sender;

    #[wasm_bindgen(method)]
    pub(crate) fn credit(this: &Sender, first: usize) -> usize;

    #[wasm_bindgen(method, catch, js_name = send)]
    pub(crate) fn send_records(this: &Sender, records: &[u8]) -> Result<(), Failure>;

    #[wasm_bindgen(method, js_name = ready)]
    fn ready_promise(this: &Sender, bytes: f64) -> Promise;

    #[wasm_bindgen(method)]
    pub(crate) fn consumed(this: &Sender) -> usize;

    #[wasm_bindgen(method)]
    pub(crate) fn close(this: &Sender);

    #[wasm_bindgen(method)]
    pub(crate) fn reset(this: &Sender);

    #[wasm_bindgen(method)]
    pub(crate) fn free(this: &Sender);

    #[derive(Debug)]
    pub(crate) type Receiver;

    #[wasm_bindgen(method, catch, js_name = take)]
    pub(crate) fn take_records(this: &Receiver) -> Result<Option<Uint8Array>, Failure>;

    #[wasm_bindgen(method, js_name = ready)]
    fn ready_promise(this: &Receiver) -> Promise;

    #[wasm_bindgen(method)]
    pub(crate) fn consumed(this: &Receiver, bytes: u32);

    #[wasm_bindgen(method)]
    pub(crate) fn reset(this: &Receiver);

    #[wasm_bindgen(method)]
    pub(crate) fn free(this: &Receiver);
}

/// The only connection.
const ROOT: u32 = 0;

/// Keeps the sender.
pub(crate) const SENDER: u8 = 0;
/// Keeps the receiver.
pub(crate) const RECEIVER: u8 = 1;

impl Page {
    pub(crate) async fn next(&self) -> PageEvent {
        let event = JsFuture::from(self.next_promise()).await;
        let event: PageEvent = event.expect("the promise never rejects").unchecked_into();
        if event.kind() != "closed" {
            assert_eq!(event.connection(), ROOT);
        }
        event
    }

    /// Returns the value of the next event, which must be the answer to call `id`.
    pub(crate) async fn response<T: DeserializeOwned>(&self, id: u32) -> T {
        let event = self.next().await;
        assert_eq!((event.kind().as_str(), event.id()), ("response", id));
        assert_eq!(event.outcome(), OutcomeKind::Value);
        postcard::from_bytes(&event.payload()).expect("the answer decodes")
    }

    /// Returns the next event, which must be of this kind.
    pub(crate) async fn expect(&self, kind: &str) -> PageEvent {
        let event = self.next().await;
        assert_eq!(event.kind(), kind);
        event
    }
}

impl Link {
    /// Opens a link on a socket that is open or connecting.
    pub(crate) async fn open(socket: &FakeSocket, page: &Page) -> Result<Self, Failure> {
        Self::open_with(socket, page, &[]).await
    }

    pub(crate) async fn open_with(
        socket: &FakeSocket,
        page: &Page,
        options: &[(&str, u32)],
    ) -> Result<Self, Failure> {
        let object = Object::new();
        for &(key, value) in options {
            Reflect::set(&object, &key.into(), &value.into()).expect("the property can be set");
        }
        let events: &JsValue = page.as_ref();
        let events = events.clone().unchecked_into();
        let opened = javascript::open(socket.socket(), object.unchecked_into(), events);
        settled(opened).await.map(|_| page.link())
    }

    /// Makes the call of the link that gets this id: they are counted from 1. The channel halves of
    /// the method are its last arguments.
    pub(crate) fn call(
        &self,
        id: u32,
        method: u64,
        args: impl Serialize,
        keep: &[u8],
    ) -> Option<Channels> {
        let payload = postcard::to_allocvec(&args).expect("the value can be encoded");
        let channels = channels(keep, &payload);
        let called = self.call_bytes(ROOT, method, &owned(&payload), None, channels.as_ref());
        assert_eq!(called.expect("the call can be sent"), id);
        self.kept()
    }

    /// Cancels a call.
    pub(crate) fn cancel(&self, id: u32) {
        self.cancel_on(ROOT, id);
    }

    /// Answers a request with an encoded value that ends with its channel halves.
    pub(crate) fn respond(
        &self,
        id: u32,
        value: &[u8],
        metadata: &[u8],
        keep: &[u8],
    ) -> Result<Option<Channels>, Failure> {
        let channels = channels(keep, value);
        let (value, metadata) = (owned(value), some(metadata));
        let (metadata, channels) = (metadata.as_ref(), channels.as_ref());
        self.respond_bytes(
            ROOT,
            id.into(),
            OutcomeKind::Value,
            &value,
            metadata,
            channels,
        )
    }

    /// Answers a request with an outcome that has no channels and no metadata of its own.
    pub(crate) fn respond_as(
        &self,
        id: u32,
        kind: OutcomeKind,
        body: &[u8],
    ) -> Result<Option<Channels>, Failure> {
        self.respond_bytes(ROOT, id.into(), kind, &owned(body), None, None)
    }

    /// Makes an invalid call and returns its failure.
    pub(crate) fn call_refused(&self, method: u64, payload: &[u8], metadata: &[u8]) -> Failure {
        let metadata = some(metadata);
        self.call_bytes(ROOT, method, &owned(payload), metadata.as_ref(), None)
            .expect_err("the call is invalid")
    }

    /// Returns one of the link's statistics.
    pub(crate) fn stat(&self, name: &str) -> usize {
        let stat = Reflect::get(&self.stats(), &name.into()).expect("the property can be read");
        usize::try_from_js_value(stat).expect("the statistic is an integer")
    }
}

/// Returns the channels of a payload that ends with their halves, if there are any.
fn channels(keep: &[u8], payload: &[u8]) -> Option<Uint32Array> {
    let first = payload.len() - keep.len();
    let channel = |(&kept, place): (&u8, usize)| {
        let place = u32::try_from(place).expect("the payload is short");
        [kept.into(), place]
    };
    let numbers: Vec<u32> = keep.iter().zip(first..).flat_map(channel).collect();
    (!numbers.is_empty()).then(|| numbers.as_slice().into())
}

impl Sender {
    /// Sends elements in one batch.
    pub(crate) fn send<T: Serialize>(
        &self,
        elements: impl IntoIterator<Item = T>,
    ) -> Result<(), Failure> {
        let mut records = Vec::new();
        for element in elements {
            let element = postcard::to_allocvec(&element).expect("the value can be encoded");
            let len = u32::try_from(element.len()).expect("the element is short");
            records.extend_from_slice(&len.to_le_bytes());
            records.extend_from_slice(&element);
        }
        self.send_records(&records)
    }

    pub(crate) async fn ready(&self, bytes: f64) -> Result<(), Failure> {
        settled(self.ready_promise(bytes)).await.map(drop)
    }
}

impl Receiver {
    /// Takes the elements that have arrived; `None` if the channel was closed.
    pub(crate) fn take<T: DeserializeOwned>(&self) -> Result<Option<Vec<T>>, Failure> {
        let Some(records) = self.take_records()? else {
            return Ok(None);
        };
        let records = records.to_vec();
        let (mut rest, mut elements) = (&records[..], Vec::new());
        while let Some((len, bytes)) = rest.split_first_chunk() {
            let (element, bytes) = bytes.split_at(u32::from_le_bytes(*len) as usize);
            elements.push(postcard::from_bytes(element).expect("the element decodes"));
            rest = bytes;
        }
        Ok(Some(elements))
    }

    /// Waits for elements, takes them and reports them as consumed.
    pub(crate) async fn next_batch<T: DeserializeOwned + Serialize>(
        &self,
    ) -> Result<Option<Vec<T>>, Failure> {
        self.ready().await;
        let batch: Option<Vec<T>> = self.take()?;
        for element in batch.iter().flatten() {
            let encoded = postcard::to_allocvec(element).expect("the value can be encoded");
            self.consumed(u32::try_from(encoded.len()).expect("the element is short"));
        }
        Ok(batch)
    }

    pub(crate) async fn ready(&self) {
        settled(self.ready_promise())
            .await
            .expect("the promise never rejects");
    }
}

async fn settled(promise: Promise) -> Result<JsValue, Failure> {
    JsFuture::from(promise)
        .await
        .map_err(JsCast::unchecked_into)
}

/// Returns `None` for no bytes.
fn some(bytes: &[u8]) -> Option<Uint8Array> {
    (!bytes.is_empty()).then(|| owned(bytes))
}

/// Copies bytes out of wasm's memory, as a page holds them: growing the memory invalidates a view.
fn owned(bytes: &[u8]) -> Uint8Array {
    Uint8Array::from(bytes)
}
