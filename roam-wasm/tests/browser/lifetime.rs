//! Freeing of memory.

use wasm_bindgen::JsCast;
use wasm_bindgen_test::wasm_bindgen_test;

use super::page::{Link, Page, RECEIVER};
use super::socket::after_events;
use super::testbed::{Handler, PACKED, TestbedDispatcher, method, serve};

/// Returns the size of wasm's memory in bytes.
fn memory() -> u32 {
    let memory = wasm_bindgen::memory().unchecked_into::<js_sys::WebAssembly::Memory>();
    memory
        .buffer()
        .unchecked_into::<js_sys::ArrayBuffer>()
        .byte_length()
}

#[wasm_bindgen_test]
async fn ended_links_free_their_memory() {
    let mut before = 0;
    for round in 0..300 {
        let page = Page::new();
        let (socket, _) = serve(PACKED, TestbedDispatcher::new(Handler::default())).await;
        let link = Link::open(&socket, &page).await.expect("the peer answers");
        link.call(1, method("echo"), ("x".repeat(50_000),), &[]);
        page.response::<String>(1).await;
        link.close(1000, "");
        page.expect("closed").await;
        after_events().await;
        free(&link);
        if round == 50 {
            before = memory();
        }
    }
    assert!(
        memory() - before < 2 << 20,
        "grew by {} bytes",
        memory() - before
    );
}

#[wasm_bindgen_test]
async fn ended_calls_and_channels_free_their_memory() {
    let page = Page::new();
    let (socket, _) = serve(PACKED, TestbedDispatcher::new(Handler::default())).await;
    let link = Link::open(&socket, &page).await.expect("the peer answers");
    let mut before = 0;
    for round in 1..=5_000 {
        let channels = link.call(round, method("generate"), (100_u32, 0_u8), &[RECEIVER]);
        let channels = channels.expect("a half was kept");
        let numbers = channels.receiver(0).expect("the half was kept");
        while numbers
            .next_batch::<u32>()
            .await
            .expect("the channel was not reset")
            .is_some()
        {}
        page.response::<()>(round).await;
        numbers.free();
        channels.free();
        if round == 500 {
            before = memory();
        }
    }
    assert!(
        memory() - before < 1 << 20,
        "grew by {} bytes",
        memory() - before
    );
}

fn free(link: &Link) {
    let link: &wasm_bindgen::JsValue = link.as_ref();
    let free =
        js_sys::Reflect::get(link, &"free".into()).expect("wasm objects have a `free` method");
    free.unchecked_into::<js_sys::Function>()
        .call0(link)
        .expect("the link is not in use");
}
