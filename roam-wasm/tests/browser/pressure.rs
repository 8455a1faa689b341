//! Backpressure of channels and of the socket.

use std::time::Duration;

use futures::FutureExt;
use futures::channel::oneshot;
use roam_core::rt;
use wasm_bindgen_test::wasm_bindgen_test;

use super::page::{Link, Page, RECEIVER, SENDER};
use super::socket::{FakeSocket, after_events};
use super::testbed::TestbedClient;
use super::testbed::{Handler, PACKED, TestbedDispatcher, client_on, method, serve};

const WINDOW: usize = 256 * 1024;
/// The encoding of a channel half in a payload.
const HALF: u64 = 0;

/// The number of empty elements to send.
const COUNT: usize = 200_000;

#[wasm_bindgen_test]
async fn sender_waits_for_its_reader() {
    let page = Page::new();
    let (open, gate) = oneshot::channel();
    let handler = Handler::default();
    handler.gate.replace(Some(gate));
    let (socket, _) = serve(PACKED, TestbedDispatcher::new(handler)).await;
    let link = Link::open(&socket, &page).await.expect("the peer answers");
    assert_eq!(page.max_element(), WINDOW / 2);
    let channels = link
        .call(1, method("read_later"), (HALF,), &[SENDER])
        .expect("a half was kept");
    let chunks = channels.sender(0).expect("the half was kept");
    assert_eq!((chunks.credit(0), link.stat("credit")), (WINDOW, WINDOW));

    // 998 bytes with a length prefix of two make an element of 1,000.
    let element = vec![7_u8; 998];
    for _ in 0..WINDOW / 1000 {
        chunks.send([&element]).expect("there is credit");
    }
    after_events().await;
    assert_eq!((chunks.credit(0), chunks.consumed()), (WINDOW % 1000, 0));

    let ready = chunks.ready(1000.0);
    open.send(()).expect("the handler waits for the gate");
    ready.await.expect("the reader consumes");
    assert!(chunks.credit(0) >= WINDOW / 2 && chunks.consumed() >= WINDOW / 2);
    chunks.close();
    assert_eq!(page.response::<u64>(1).await, (WINDOW / 1000 * 998) as u64);
}

#[wasm_bindgen_test]
async fn idle_reader_delays_only_its_sender() {
    let page = Page::new();
    let (socket, server) = serve(PACKED, TestbedDispatcher::new(Handler::default())).await;
    let link = Link::open(&socket, &page).await.expect("the peer answers");
    let channels = link
        .call(1, method("generate"), (1_000_000_u32, HALF), &[RECEIVER])
        .expect("a half was kept");
    let numbers = channels.receiver(0).expect("the half was kept");
    // Other calls are answered while the stream is blocked.
    for id in 2..50 {
        link.call(id, method("echo"), ("",), &[]);
        page.response::<String>(id).await;
    }
    let sent = server.stats().traffic.sent;
    assert!(sent > WINDOW as u64, "{sent} bytes");
    link.call(50, method("echo"), ("",), &[]);
    page.response::<String>(50).await;
    assert!(
        server.stats().traffic.sent - sent < 100,
        "the stream continues"
    );
    // The remaining window is too small for the next number.
    assert!(server.stats().credit < 3, "{:?}", server.stats());

    let mut next = 0;
    while let Some(batch) = numbers
        .next_batch::<u32>()
        .await
        .expect("the channel was not reset")
    {
        for number in batch {
            assert_eq!(number, next);
            next += 1;
        }
    }
    assert_eq!(next, 1_000_000);
}

#[wasm_bindgen_test]
async fn empty_elements_arrive_in_bounded_batches() {
    let page = Page::new();
    let (socket, server) = serve(PACKED, roam_core::NoDispatcher).await;
    let _link = Link::open(&socket, &page).await.expect("the peer answers");
    server.ready().await.expect("the peer answers");
    let (tx, rx) = roam_core::channel();
    for _ in 0..COUNT {
        tx.send(()).await.expect("empty elements need no credit");
    }
    tx.close();
    // The call sends all elements at once.
    let mut call = TestbedClient::new(server).drain(rx).into_future();
    assert!((&mut call).now_or_never().is_none());
    let request = page.expect("request").await;
    let units = request
        .channels()
        .expect("a half arrived")
        .receiver(0)
        .expect("the half arrived");
    let mut batches = Vec::new();
    while let Some(batch) = units
        .next_batch::<()>()
        .await
        .expect("the channel was not reset")
    {
        batches.push(batch.len());
    }
    assert_eq!(batches.iter().sum::<usize>(), COUNT);
    assert!(
        batches.iter().all(|batch| *batch <= 256 * 1024 / 4),
        "{batches:?}"
    );
}

/// Checks that `call` sends nothing while the socket is full, and completes once it has space.
async fn hold_back(socket: &FakeSocket, call: impl AsyncFn()) {
    socket.set_buffered_amount(256 * 1024 + 1);
    let before = socket.frames_sent();
    let mut calling = std::pin::pin!(call());
    let done = rt::timeout(Duration::from_millis(50), calling.as_mut()).await;
    assert!(done.is_none() && socket.frames_sent() == before);
    socket.set_buffered_amount(256 * 1024);
    calling.await;
}

#[wasm_bindgen_test]
async fn full_socket_delays_sending() {
    let page = Page::new();
    let (socket, _) = serve(PACKED, TestbedDispatcher::new(Handler::default())).await;
    let link = Link::open(&socket, &page).await.expect("the peer answers");
    hold_back(&socket, async || {
        link.call(1, method("echo"), ("",), &[]);
        page.response::<String>(1).await;
    })
    .await;
}

#[wasm_bindgen_test]
async fn full_socket_delays_rust_programs() {
    let (socket, _) = serve(PACKED, TestbedDispatcher::new(Handler::default())).await;
    let client = TestbedClient::new(client_on(&socket).await);
    hold_back(&socket, async || {
        client.echo(String::new()).await.expect("the peer answers");
    })
    .await;
}

#[wasm_bindgen_test]
async fn queued_bytes_include_the_socket() {
    let page = Page::new();
    let (socket, _) = serve(PACKED, TestbedDispatcher::new(Handler::default())).await;
    let link = Link::open(&socket, &page).await.expect("the peer answers");
    assert_eq!(link.stat("queuedBytes"), 0);
    socket.set_buffered_amount(1_000);
    assert_eq!(link.stat("queuedBytes"), 1_000);
}
