//! What JavaScript is told.

use std::cell::RefCell;
use std::rc::Rc;

use js_sys::{Object, Promise};
use roam_core::CloseReason;
use wasm_bindgen::prelude::*;

use super::ends::Ends;
use super::failure::{Failure, kind_of, text_of};

#[wasm_bindgen]
extern "C" {
    /// What JavaScript is told, as methods of an object of its own.
    ///
    /// Payloads and metadata are views into wasm's memory, valid until the method returns.
    pub type LinkEvents;

    /// The answer to the call `id`.
    #[wasm_bindgen(method, catch)]
    pub(super) fn response(
        this: &LinkEvents,
        id: u32,
        payload: &[u8],
        metadata: &[u8],
        ends: Option<Ends>,
    ) -> Result<(), JsValue>;

    /// There will be no answer to the call `id`.
    #[wasm_bindgen(method, catch)]
    pub(super) fn failed(this: &LinkEvents, id: u32, failure: Failure) -> Result<(), JsValue>;

    /// The peer calls a method that is served.
    #[wasm_bindgen(method, catch)]
    pub(super) fn request(
        this: &LinkEvents,
        id: u32,
        method: u64,
        payload: &[u8],
        metadata: &[u8],
        ends: Option<Ends>,
    ) -> Result<(), JsValue>;

    /// The peer does not wait for the answer to its call `id` any more.
    #[wasm_bindgen(method, catch)]
    pub(super) fn cancelled(this: &LinkEvents, id: u32) -> Result<(), JsValue>;

    /// The link is over.
    #[wasm_bindgen(method, catch)]
    pub(super) fn closed(this: &LinkEvents, info: CloseInfo) -> Result<(), JsValue>;

    /// A plain object that tells how a link ended.
    #[wasm_bindgen(extends = Object)]
    pub type CloseInfo;

    #[wasm_bindgen(method, setter)]
    fn set_kind(this: &CloseInfo, kind: &str);

    #[wasm_bindgen(method, setter)]
    fn set_reason(this: &CloseInfo, reason: &str);
}

/// Whom to tell, until the link is over.
pub(super) struct Events(RefCell<Option<Rc<LinkEvents>>>);

impl Events {
    pub(super) fn new(events: LinkEvents) -> Self {
        Self(RefCell::new(Some(Rc::new(events))))
    }

    /// Tells something. An error of whom it is told is shown as one that nobody caught.
    pub(super) fn tell(&self, something: impl FnOnce(&LinkEvents) -> Result<(), JsValue>) {
        let Some(events) = self.0.borrow().clone() else {
            return;
        };
        if let Err(error) = something(&events) {
            drop(Promise::reject(&error));
        }
    }

    /// Tells that the link is over, and lets go of whom was told: in JavaScript that holds on to
    /// all of the link.
    pub(super) fn close(&self, reason: &CloseReason) {
        let info: CloseInfo = Object::new().unchecked_into();
        info.set_kind(kind_of(reason));
        info.set_reason(&text_of(reason));
        self.tell(|events| events.closed(info));
        self.0.take();
    }
}
