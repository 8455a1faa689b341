//! How links end, and how that is reported.

use std::time::Duration;

use futures::future::join;
use js_sys::Uint8Array;
use roam_core::{CloseReason, NoDispatcher, Rule};
use wasm_bindgen::JsValue;
use wasm_bindgen_test::wasm_bindgen_test;

use super::page::{Link, Page};
use super::runtime::block;
use super::socket::{FakeSocket, after_events, sockets};
use super::testbed::{PACKED, accept_on, serve};

async fn closed(page: &Page) -> (String, String) {
    let info = page.expect("closed").await.failure();
    (
        info.kind(),
        info.reason().expect("there is a reason, possibly empty"),
    )
}

#[wasm_bindgen_test]
async fn local_close_reaches_both_peers() {
    let page = Page::new();
    let (socket, server) = serve(PACKED, NoDispatcher).await;
    let link = Link::open(&socket, &page).await.expect("the peer answers");
    link.close(1000, "bye");
    link.close(1000, "twice");
    assert_eq!(closed(&page).await, ("local".into(), "bye".into()));
    assert_eq!(server.closed().await.to_string(), "closed by the peer: bye");
    after_events().await;
    assert_eq!(
        (socket.ready_state(), socket.handlers(), page.unread()),
        (3, 0, 0)
    );
}

#[wasm_bindgen_test]
async fn peer_close_is_reported() {
    let page = Page::new();
    let (socket, server) = serve(PACKED, NoDispatcher).await;
    let link = Link::open(&socket, &page).await;
    server.close("going away");
    assert_eq!(closed(&page).await, ("goodbye".into(), "going away".into()));
    after_events().await;
    assert_eq!((socket.ready_state(), socket.handlers()), (3, 0));
    drop(link);
}

#[wasm_bindgen_test]
async fn lost_socket_reports_code_and_reason() {
    let page = Page::new();
    let (socket, server) = serve(PACKED, NoDispatcher).await;
    let _link = Link::open(&socket, &page).await.expect("the peer answers");
    socket.closed(1001, "restarting");
    let info = page.expect("closed").await.failure();
    assert_eq!(
        (info.kind().as_str(), info.code()),
        ("transport", Some(1001))
    );
    let reason = info.reason().expect("there is a reason");
    assert_eq!(reason, "closed with code 1001: restarting");
    assert_eq!(socket.handlers(), 0);
    drop(server);
}

#[wasm_bindgen_test]
async fn goodbye_before_socket_close_counts() {
    let page = Page::new();
    let (socket, server) = serve(PACKED, NoDispatcher).await;
    let _link = Link::open(&socket, &page).await.expect("the peer answers");
    // The Goodbye and the socket's close event arrive together.
    server.close("said");
    after_events().await;
    socket.closed(1005, "");
    assert_eq!(closed(&page).await, ("goodbye".into(), "said".into()));
}

/// Returns the reason of the Goodbye that a peer gets for sending `data`.
async fn goodbye_for(data: &JsValue) -> String {
    let [ours, theirs] = sockets(PACKED);
    ours.opened();
    theirs.opened();
    let page = Page::new();
    let (link, server) = join(Link::open(&ours, &page), accept_on(&theirs, NoDispatcher)).await;
    let _link = link.expect("the peer answers");
    ours.received(data);
    let (kind, reason) = closed(&page).await;
    assert_eq!(kind, "violation");
    match server.closed().await {
        CloseReason::Goodbye(sent) => assert_eq!(*sent, *reason),
        other => panic!("{other}"),
    }
    reason
}

#[wasm_bindgen_test]
async fn text_frame_is_a_violation() {
    let reason = goodbye_for(&"text".into()).await;
    assert_eq!(reason, "message.decode-error: text frame");
}

#[wasm_bindgen_test]
async fn oversized_frame_is_a_violation() {
    let frame = Uint8Array::new_with_length((1 << 20) + 128 * 1024 + 1);
    let reason = goodbye_for(&frame.buffer()).await;
    assert!(reason.starts_with(Rule::TooLarge.id()), "{reason}");
}

#[wasm_bindgen_test]
async fn empty_frame_is_a_violation() {
    let reason = goodbye_for(&Uint8Array::new_with_length(0).buffer()).await;
    assert!(reason.starts_with(Rule::DecodeError.id()), "{reason}");
}

#[wasm_bindgen_test]
async fn random_bytes_are_a_violation() {
    let reason = goodbye_for(&Uint8Array::new_from_slice(&[3, 1, 4, 1, 5, 9]).buffer()).await;
    assert!(reason.starts_with("message."), "{reason}");
}

async fn refused(socket: &FakeSocket, options: &[(&str, u32)]) -> String {
    let page = Page::new();
    let failure = Link::open_with(socket, &page, options)
        .await
        .expect_err("no link was opened");
    assert_eq!(failure.kind(), "connect");
    after_events().await;
    assert_eq!((socket.handlers(), page.unread()), (0, 0));
    failure.reason().expect("there is a reason, possibly empty")
}

#[wasm_bindgen_test]
async fn failing_socket_opens_no_link() {
    let socket = FakeSocket::new("");
    let (reason, ()) = join(refused(&socket, &[]), async {
        socket.failed("connection refused");
    })
    .await;
    assert_eq!(reason, "closed with code 1006: connection refused");
}

#[wasm_bindgen_test]
async fn closed_socket_opens_no_link() {
    let socket = FakeSocket::new("");
    socket.closed(1006, "");
    let reason = refused(&socket, &[("handshakeTimeoutMs", 60_000)]).await;
    assert_eq!(reason, "closed with code 1006");
}

#[wasm_bindgen_test]
async fn slow_socket_opens_no_link() {
    let [socket, _peer] = sockets(PACKED);
    let reason = refused(&socket, &[("handshakeTimeoutMs", 10)]).await;
    assert_eq!(reason, "the peer did not finish the handshake in time");
}

#[wasm_bindgen_test]
async fn silent_peer_opens_no_link() {
    let [socket, peer] = sockets(PACKED);
    socket.opened();
    peer.opened();
    let reason = refused(&socket, &[("handshakeTimeoutMs", 10)]).await;
    assert_eq!(reason, "the peer did not finish the handshake in time");
    assert_eq!(socket.frames_sent(), 2, "Hello and Goodbye");
}

#[wasm_bindgen_test]
async fn late_timer_does_not_extend_the_handshake() {
    let [socket, peer] = sockets(PACKED);
    let opening = refused(&socket, &[("handshakeTimeoutMs", 5)]);
    let (reason, _) = join(opening, async {
        block(Duration::from_millis(10));
        socket.opened();
        peer.opened();
        // Its Hello may arrive before the timer fires.
        accept_on(&peer, NoDispatcher).await
    })
    .await;
    assert_eq!(reason, "the peer did not finish the handshake in time");
}

#[wasm_bindgen_test]
async fn options_reach_the_peer() {
    let page = Page::new();
    let (socket, server) = serve(PACKED, NoDispatcher).await;
    let options = [("maxPayloadSize", 5_000), ("initialChannelCredit", 4_000)];
    let _link = Link::open_with(&socket, &page, &options)
        .await
        .expect("the peer answers");
    let agreed = server.ready().await.expect("the peer answers");
    assert_eq!(
        (agreed.max_payload_size, agreed.initial_channel_credit),
        (5_000, 4_000)
    );
    assert_eq!((page.max_payload(), page.max_element()), (5_000, 2_000));
}
