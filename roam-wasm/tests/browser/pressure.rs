//! Backpressure, of channels and of the socket.

use std::time::Duration;

use futures::channel::oneshot;
use roam_core::rt;
use wasm_bindgen_test::wasm_bindgen_test;

use super::face::{Face, Link, RECEIVER, SENDER};
use super::socket::{FakeSocket, after_events};
use super::testbed::TestbedClient;
use super::testbed::{Handler, PACKED, TestbedDispatcher, client_on, method, serve};

const WINDOW: usize = 256 * 1024;
const END: u64 = 0;

/// Elements of no length.
const COUNT: usize = 200_000;

#[wasm_bindgen_test]
async fn a_sender_waits_for_its_reader() {
    let face = Face::new();
    let (open, gate) = oneshot::channel();
    let handler = Handler::default();
    handler.gate.replace(Some(gate));
    let (socket, _) = serve(PACKED, TestbedDispatcher::new(handler)).await;
    let link = Link::open(&socket, &face).await.expect("the peer answers");
    assert_eq!(link.largest_element(), WINDOW / 2);
    let ends = link
        .call(1, method("read_later"), (END,), &[SENDER])
        .expect("an end was kept");
    let chunks = ends.sender(0).expect("it was kept");
    assert_eq!((chunks.credit(), link.figure("credit")), (WINDOW, WINDOW));

    // An element of 1,000 bytes has a length of two.
    let element = vec![7_u8; 998];
    for _ in 0..WINDOW / 1000 {
        chunks.send([&element]).expect("there is credit");
    }
    after_events().await;
    assert_eq!((chunks.credit(), chunks.consumed()), (WINDOW % 1000, 0));

    let ready = chunks.ready(1000.0);
    open.send(()).expect("the handler waits for it");
    ready.await.expect("the reader consumes");
    assert!(chunks.credit() >= WINDOW / 2 && chunks.consumed() >= WINDOW / 2);
    chunks.close();
    assert_eq!(face.response::<u64>(1).await, (WINDOW / 1000 * 998) as u64);
}

#[wasm_bindgen_test]
async fn a_page_that_does_not_read_holds_the_sender_and_nothing_else() {
    let face = Face::new();
    let (socket, server) = serve(PACKED, TestbedDispatcher::new(Handler::default())).await;
    let link = Link::open(&socket, &face).await.expect("the peer answers");
    let ends = link
        .call(1, method("generate"), (1_000_000_u32, END), &[RECEIVER])
        .expect("an end was kept");
    let numbers = ends.receiver(0).expect("it was kept");
    // Other calls are answered while the stream stands still.
    for id in 2..50 {
        link.call(id, method("echo"), ("",), &[]);
        face.response::<String>(id).await;
    }
    let sent = server.stats().traffic.sent;
    assert!(sent > WINDOW as u64, "{sent} bytes");
    link.call(50, method("echo"), ("",), &[]);
    face.response::<String>(50).await;
    assert!(
        server.stats().traffic.sent - sent < 100,
        "the stream goes on"
    );
    // Too little for the next number is left of the window.
    assert!(server.stats().credit < 3, "{:?}", server.stats());

    let mut next = 0;
    while let Some(batch) = numbers.next_batch::<u32>().await.expect("it is not cut") {
        for number in batch {
            assert_eq!(number, next);
            next += 1;
        }
    }
    assert_eq!(next, 1_000_000);
}

#[wasm_bindgen_test]
async fn elements_of_no_length_come_in_bounded_batches() {
    let face = Face::new();
    let (socket, server) = serve(PACKED, roam_core::NoDispatcher).await;
    let link = Link::open(&socket, &face).await.expect("the peer answers");
    link.serve(&[1]);
    server.ready().await.expect("the peer answers");
    let call = server.call_raw(
        roam_core::MethodId(1),
        &roam_core::Metadata::new(),
        &[0],
        &[roam_core::proto::Direction::Send],
    );
    let (_call, wires) = call.expect("the link is open");
    wires[0]
        .queue(std::iter::repeat_n(&[][..], COUNT))
        .expect("they cost no credit");
    wires[0].finish();
    let request = face.expect("request").await;
    let units = request
        .ends()
        .expect("an end came")
        .receiver(0)
        .expect("it came");
    let mut batches = Vec::new();
    while let Some(batch) = units.next_batch::<()>().await.expect("it is not cut") {
        batches.push(batch.len());
    }
    assert_eq!(batches.iter().sum::<usize>(), COUNT);
    assert!(
        batches.iter().all(|batch| *batch <= 256 * 1024 / 4),
        "{batches:?}"
    );
}

/// Nothing goes out on a full socket, and everything when it has room again.
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
async fn a_full_socket_is_given_no_more_until_it_has_room() {
    let face = Face::new();
    let (socket, _) = serve(PACKED, TestbedDispatcher::new(Handler::default())).await;
    let link = Link::open(&socket, &face).await.expect("the peer answers");
    hold_back(&socket, async || {
        link.call(1, method("echo"), ("",), &[]);
        face.response::<String>(1).await;
    })
    .await;
}

#[wasm_bindgen_test]
async fn a_full_socket_of_a_rust_program_is_given_no_more_until_it_has_room() {
    let (socket, _) = serve(PACKED, TestbedDispatcher::new(Handler::default())).await;
    let client = TestbedClient::new(client_on(&socket).await);
    hold_back(&socket, async || {
        client.echo(String::new()).await.expect("the peer answers");
    })
    .await;
}

#[wasm_bindgen_test]
async fn what_is_queued_counts_what_the_socket_holds() {
    let face = Face::new();
    let (socket, _) = serve(PACKED, TestbedDispatcher::new(Handler::default())).await;
    let link = Link::open(&socket, &face).await.expect("the peer answers");
    assert_eq!(link.figure("queuedBytes"), 0);
    socket.set_buffered_amount(1_000);
    assert_eq!(link.figure("queuedBytes"), 1_000);
}
