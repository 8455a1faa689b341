//! What is freed, and when.

use wasm_bindgen::JsCast;
use wasm_bindgen_test::wasm_bindgen_test;

use super::face::{Face, Link, RECEIVER};
use super::socket::after_events;
use super::testbed::{Handler, PACKED, TestbedDispatcher, method, serve};

/// The bytes of wasm's memory.
fn memory() -> u32 {
    let memory = wasm_bindgen::memory().unchecked_into::<js_sys::WebAssembly::Memory>();
    memory
        .buffer()
        .unchecked_into::<js_sys::ArrayBuffer>()
        .byte_length()
}

#[wasm_bindgen_test]
async fn links_that_are_over_take_no_memory() {
    let mut before = 0;
    for round in 0..300 {
        let face = Face::new();
        let (socket, _) = serve(PACKED, TestbedDispatcher::new(Handler::default())).await;
        let link = Link::open(&socket, &face).await.expect("the peer answers");
        link.call(1, method("echo"), ("x".repeat(50_000),), &[]);
        face.response::<String>(1).await;
        link.close("");
        face.expect("closed").await;
        after_events().await;
        free(&link);
        if round == 50 {
            before = memory();
        }
    }
    assert!(
        memory() - before < 2 << 20,
        "{} bytes more",
        memory() - before
    );
}

#[wasm_bindgen_test]
async fn calls_and_channels_that_are_over_take_no_memory() {
    let face = Face::new();
    let (socket, _) = serve(PACKED, TestbedDispatcher::new(Handler::default())).await;
    let link = Link::open(&socket, &face).await.expect("the peer answers");
    let mut before = 0;
    for round in 0..5_000 {
        let ends = link.call(round, method("generate"), (100_u32, 0_u8), &[RECEIVER]);
        let ends = ends.expect("an end was kept");
        let numbers = ends.receiver(0).expect("it was kept");
        while numbers
            .next_batch::<u32>()
            .await
            .expect("it is not cut")
            .is_some()
        {}
        face.response::<()>(round).await;
        numbers.free();
        ends.free();
        if round == 500 {
            before = memory();
        }
    }
    assert!(
        memory() - before < 1 << 20,
        "{} bytes more",
        memory() - before
    );
}

fn free(link: &Link) {
    let link: &wasm_bindgen::JsValue = link.as_ref();
    let free = js_sys::Reflect::get(link, &"free".into()).expect("every object of wasm has it");
    free.unchecked_into::<js_sys::Function>()
        .call0(link)
        .expect("nobody uses it");
}
