//! What TypeScript is to wasm, and what it sees of wasm.

use js_sys::{Object, Promise, Reflect, Uint8Array};
use roam_wasm::javascript;
use serde::Serialize;
use serde::de::DeserializeOwned;
use wasm_bindgen::convert::TryFromJsValue;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;

use super::socket::FakeSocket;

#[wasm_bindgen(module = "/tests/browser/face.js")]
extern "C" {
    #[derive(Debug)]
    pub(crate) type Face;

    #[wasm_bindgen(constructor)]
    pub(crate) fn new() -> Face;

    #[wasm_bindgen(method, js_name = next)]
    fn next_promise(this: &Face) -> Promise;

    #[wasm_bindgen(method, getter)]
    pub(crate) fn unasked(this: &Face) -> usize;

    #[wasm_bindgen(extends = Face)]
    #[derive(Debug)]
    pub(crate) type ThrowingFace;

    #[wasm_bindgen(constructor)]
    pub(crate) fn new() -> ThrowingFace;
}

#[wasm_bindgen]
extern "C" {
    /// An event.
    #[derive(Debug)]
    pub(crate) type Told;

    #[wasm_bindgen(method, getter)]
    pub(crate) fn kind(this: &Told) -> String;

    #[wasm_bindgen(method, getter)]
    pub(crate) fn id(this: &Told) -> u32;

    #[wasm_bindgen(method, getter)]
    pub(crate) fn method(this: &Told) -> u64;

    #[wasm_bindgen(method, getter)]
    pub(crate) fn payload(this: &Told) -> Vec<u8>;

    #[wasm_bindgen(method, getter)]
    pub(crate) fn metadata(this: &Told) -> Vec<u8>;

    #[wasm_bindgen(method, getter)]
    pub(crate) fn ends(this: &Told) -> Option<Ends>;

    #[wasm_bindgen(method, getter)]
    pub(crate) fn failure(this: &Told) -> Failure;

    /// A failure, or how a link ended.
    #[derive(Debug)]
    pub(crate) type Failure;

    #[wasm_bindgen(method, getter)]
    pub(crate) fn kind(this: &Failure) -> String;

    #[wasm_bindgen(method, getter)]
    pub(crate) fn reason(this: &Failure) -> Option<String>;

    #[wasm_bindgen(method, getter)]
    pub(crate) fn cause(this: &Failure) -> Option<String>;

    #[wasm_bindgen(method, getter)]
    pub(crate) fn message(this: &Failure) -> Option<String>;

    #[wasm_bindgen(method, getter)]
    pub(crate) fn length(this: &Failure) -> Option<u32>;

    #[wasm_bindgen(method, getter)]
    pub(crate) fn max(this: &Failure) -> Option<u32>;

    #[derive(Debug)]
    pub(crate) type Link;

    #[wasm_bindgen(method, catch, js_name = call)]
    fn call_bytes(
        this: &Link,
        id: u32,
        method: u64,
        payload: &Uint8Array,
        metadata: &Uint8Array,
        keep: &Uint8Array,
    ) -> Result<Option<Ends>, Failure>;

    #[wasm_bindgen(method)]
    pub(crate) fn cancel(this: &Link, id: u32);

    #[wasm_bindgen(method)]
    pub(crate) fn serve(this: &Link, methods: &[u64]);

    #[wasm_bindgen(method, catch, js_name = respond)]
    fn respond_bytes(
        this: &Link,
        id: u32,
        payload: &Uint8Array,
        metadata: &Uint8Array,
        keep: &Uint8Array,
    ) -> Result<Option<Ends>, Failure>;

    #[wasm_bindgen(method, js_name = largestElement)]
    pub(crate) fn largest_element(this: &Link) -> usize;

    #[wasm_bindgen(method)]
    fn stats(this: &Link) -> Object;

    #[wasm_bindgen(method)]
    pub(crate) fn close(this: &Link, reason: &str);

    #[derive(Debug)]
    pub(crate) type Ends;

    #[wasm_bindgen(method, getter)]
    pub(crate) fn length(this: &Ends) -> usize;

    #[wasm_bindgen(method, catch)]
    pub(crate) fn sender(this: &Ends, index: usize) -> Result<Sender, Failure>;

    #[wasm_bindgen(method, catch)]
    pub(crate) fn receiver(this: &Ends, index: usize) -> Result<Receiver, Failure>;

    #[wasm_bindgen(method)]
    pub(crate) fn free(this: &Ends);

    #[derive(Debug)]
    pub(crate) type Sender;

    #[wasm_bindgen(method)]
    pub(crate) fn credit(this: &Sender) -> usize;

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

/// Keep the sending half.
pub(crate) const SENDER: u8 = 0;
/// Keep the receiving half.
pub(crate) const RECEIVER: u8 = 1;

impl Face {
    pub(crate) async fn next(&self) -> Told {
        let told = JsFuture::from(self.next_promise()).await;
        told.expect("it never rejects").unchecked_into()
    }

    /// The next event, which is the answer to a call.
    pub(crate) async fn response<T: DeserializeOwned>(&self, id: u32) -> T {
        let told = self.next().await;
        assert_eq!((told.kind().as_str(), told.id()), ("response", id));
        let payload = told.payload();
        let (0, value) = (payload[0], &payload[1..]) else {
            panic!("call {id} was answered with {payload:?}");
        };
        postcard::from_bytes(value).expect("the answer decodes")
    }

    /// The next event, which is of that kind.
    pub(crate) async fn expect(&self, kind: &str) -> Told {
        let told = self.next().await;
        assert_eq!(told.kind(), kind);
        told
    }
}

impl Link {
    /// Opens a link on a socket that is open or will be.
    pub(crate) async fn open(socket: &FakeSocket, face: &Face) -> Result<Self, Failure> {
        Self::open_with(socket, face, &[]).await
    }

    pub(crate) async fn open_with(
        socket: &FakeSocket,
        face: &Face,
        options: &[(&str, u32)],
    ) -> Result<Self, Failure> {
        let object = Object::new();
        for &(key, value) in options {
            Reflect::set(&object, &key.into(), &value.into()).expect("it is a plain object");
        }
        let events: &JsValue = face.as_ref();
        let events = events.clone().unchecked_into();
        let opened = javascript::open(socket.socket(), object.unchecked_into(), events);
        settled(opened).await.map(JsCast::unchecked_into)
    }

    /// Calls a method.
    pub(crate) fn call(
        &self,
        id: u32,
        method: u64,
        args: impl Serialize,
        keep: &[u8],
    ) -> Option<Ends> {
        let payload = postcard::to_allocvec(&args).expect("it can be encoded");
        self.call_bytes(id, method, &owned(&payload), &owned(&[]), &owned(keep))
            .expect("it can be sent")
    }

    /// Answers a request.
    pub(crate) fn respond(
        &self,
        id: u32,
        payload: &[u8],
        metadata: &[u8],
        keep: &[u8],
    ) -> Result<Option<Ends>, Failure> {
        self.respond_bytes(id, &owned(payload), &owned(metadata), &owned(keep))
    }

    /// Calls a method in a way that cannot be sent.
    pub(crate) fn call_refused(&self, method: u64, payload: &[u8], metadata: &[u8]) -> Failure {
        self.call_bytes(0, method, &owned(payload), &owned(metadata), &owned(&[]))
            .expect_err("it cannot be sent")
    }

    /// One of the link's figures.
    pub(crate) fn figure(&self, name: &str) -> usize {
        let figure = Reflect::get(&self.stats(), &name.into()).expect("it is a plain object");
        usize::try_from_js_value(figure).expect("it is a whole number")
    }
}

impl Sender {
    /// Sends elements in one go.
    pub(crate) fn send<T: Serialize>(
        &self,
        elements: impl IntoIterator<Item = T>,
    ) -> Result<(), Failure> {
        let mut records = Vec::new();
        for element in elements {
            let element = postcard::to_allocvec(&element).expect("it can be encoded");
            let len = u32::try_from(element.len()).expect("it is short");
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
    /// What has arrived; `None` is the clean end.
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

    /// Waits for elements, and takes and consumes them.
    pub(crate) async fn next_batch<T: DeserializeOwned + Serialize>(
        &self,
    ) -> Result<Option<Vec<T>>, Failure> {
        self.ready().await;
        let batch: Option<Vec<T>> = self.take()?;
        for element in batch.iter().flatten() {
            let encoded = postcard::to_allocvec(element).expect("it can be encoded");
            self.consumed(u32::try_from(encoded.len()).expect("it is short"));
        }
        Ok(batch)
    }

    pub(crate) async fn ready(&self) {
        settled(self.ready_promise())
            .await
            .expect("it never rejects");
    }
}

async fn settled(promise: Promise) -> Result<JsValue, Failure> {
    JsFuture::from(promise)
        .await
        .map_err(JsCast::unchecked_into)
}

/// Bytes outside of wasm, as they are with a page: a view of wasm's memory would not outlive its
/// growing.
fn owned(bytes: &[u8]) -> Uint8Array {
    Uint8Array::from(bytes)
}
