//! How links end, and what is told of it.

use futures::future::join;
use js_sys::Uint8Array;
use roam_core::{CloseReason, NoDispatcher, Rule};
use wasm_bindgen::JsValue;
use wasm_bindgen_test::wasm_bindgen_test;

use super::face::{Face, Link};
use super::socket::{FakeSocket, after_events, sockets};
use super::testbed::{PACKED, accept_on, serve};

async fn closed(face: &Face) -> (String, String) {
    let info = face.expect("closed").await.failure();
    (
        info.kind(),
        info.reason()
            .expect("there is a reason, be it an empty one"),
    )
}

#[wasm_bindgen_test]
async fn a_close_of_ours_is_told_to_both() {
    let face = Face::new();
    let (socket, server) = serve(PACKED, NoDispatcher).await;
    let link = Link::open(&socket, &face).await.expect("the peer answers");
    link.close("bye");
    link.close("twice");
    assert_eq!(closed(&face).await, ("local".into(), "bye".into()));
    assert_eq!(server.closed().await.to_string(), "closed by the peer: bye");
    after_events().await;
    assert_eq!(
        (socket.ready_state(), socket.handlers(), face.unasked()),
        (3, 0, 0)
    );
}

#[wasm_bindgen_test]
async fn a_close_of_the_peer_is_told() {
    let face = Face::new();
    let (socket, server) = serve(PACKED, NoDispatcher).await;
    let link = Link::open(&socket, &face).await;
    server.close("going away");
    assert_eq!(closed(&face).await, ("goodbye".into(), "going away".into()));
    after_events().await;
    assert_eq!((socket.ready_state(), socket.handlers()), (3, 0));
    drop(link);
}

#[wasm_bindgen_test]
async fn a_socket_that_closes_is_a_loss_with_its_code_and_reason() {
    let face = Face::new();
    let (socket, server) = serve(PACKED, NoDispatcher).await;
    let _link = Link::open(&socket, &face).await.expect("the peer answers");
    socket.closed(1001, "restarting");
    let (kind, reason) = closed(&face).await;
    assert_eq!(kind, "transport");
    assert_eq!(reason, "the socket closed with code 1001: restarting");
    assert_eq!(socket.handlers(), 0);
    drop(server);
}

#[wasm_bindgen_test]
async fn what_came_before_the_socket_closed_counts() {
    let face = Face::new();
    let (socket, server) = serve(PACKED, NoDispatcher).await;
    let _link = Link::open(&socket, &face).await.expect("the peer answers");
    // The Goodbye and the end of the socket come at once.
    server.close("said");
    after_events().await;
    socket.closed(1005, "");
    assert_eq!(closed(&face).await, ("goodbye".into(), "said".into()));
}

/// What a peer is told that sends `data`.
async fn goodbye_for(data: &JsValue) -> String {
    let [ours, theirs] = sockets(PACKED);
    ours.opened();
    theirs.opened();
    let face = Face::new();
    let (link, server) = join(Link::open(&ours, &face), accept_on(&theirs, NoDispatcher)).await;
    let _link = link.expect("the peer answers");
    ours.received(data);
    let (kind, reason) = closed(&face).await;
    assert_eq!(kind, "violation");
    match server.closed().await {
        CloseReason::Goodbye(told) => assert_eq!(*told, *reason),
        other => panic!("{other}"),
    }
    reason
}

#[wasm_bindgen_test]
async fn a_text_frame_is_a_violation() {
    let reason = goodbye_for(&"text".into()).await;
    assert_eq!(reason, "message.decode-error: text frame");
}

#[wasm_bindgen_test]
async fn a_frame_that_is_too_long_is_a_violation() {
    let frame = Uint8Array::new_with_length((1 << 20) + 128 * 1024 + 1);
    let reason = goodbye_for(&frame.buffer()).await;
    assert!(reason.starts_with(Rule::TooLarge.id()), "{reason}");
}

#[wasm_bindgen_test]
async fn a_frame_of_nothing_is_a_violation() {
    let reason = goodbye_for(&Uint8Array::new_with_length(0).buffer()).await;
    assert!(reason.starts_with(Rule::DecodeError.id()), "{reason}");
}

#[wasm_bindgen_test]
async fn random_bytes_are_a_violation() {
    let reason = goodbye_for(&Uint8Array::new_from_slice(&[3, 1, 4, 1, 5, 9]).buffer()).await;
    assert!(reason.starts_with("message."), "{reason}");
}

async fn refused(socket: &FakeSocket, options: &[(&str, u32)]) -> String {
    let face = Face::new();
    let failure = Link::open_with(socket, &face, options)
        .await
        .expect_err("there is no link");
    assert_eq!(failure.kind(), "connect");
    after_events().await;
    assert_eq!((socket.handlers(), face.unasked()), (0, 0));
    failure
        .reason()
        .expect("there is a reason, be it an empty one")
}

#[wasm_bindgen_test]
async fn a_socket_that_does_not_open_makes_no_link() {
    let socket = FakeSocket::new("");
    let (reason, ()) = join(refused(&socket, &[]), async {
        socket.failed("connection refused");
    })
    .await;
    assert_eq!(
        reason,
        "the socket closed with code 1006: connection refused"
    );
}

#[wasm_bindgen_test]
async fn a_socket_that_is_closed_makes_no_link() {
    let socket = FakeSocket::new("");
    socket.closed(1006, "");
    let reason = refused(&socket, &[("handshakeTimeoutMs", 60_000)]).await;
    assert_eq!(reason, "the socket closed with code 1006");
}

#[wasm_bindgen_test]
async fn a_socket_that_takes_too_long_makes_no_link() {
    let [socket, _peer] = sockets(PACKED);
    let reason = refused(&socket, &[("handshakeTimeoutMs", 10)]).await;
    assert_eq!(reason, "the peer did not finish the handshake in time");
}

#[wasm_bindgen_test]
async fn a_peer_that_says_nothing_makes_no_link() {
    let [socket, peer] = sockets(PACKED);
    socket.opened();
    peer.opened();
    let reason = refused(&socket, &[("handshakeTimeoutMs", 10)]).await;
    assert_eq!(reason, "the peer did not finish the handshake in time");
    assert_eq!(socket.frames_sent(), 2, "Hello and Goodbye");
}

#[wasm_bindgen_test]
async fn options_are_what_the_peer_is_told() {
    let face = Face::new();
    let (socket, server) = serve(PACKED, NoDispatcher).await;
    let options = [("maxPayloadSize", 5_000), ("initialChannelCredit", 4_000)];
    let link = Link::open_with(&socket, &face, &options)
        .await
        .expect("the peer answers");
    let agreed = server.ready().await.expect("the peer answers");
    assert_eq!(
        (agreed.max_payload_size, agreed.initial_channel_credit),
        (5_000, 4_000)
    );
    assert_eq!(link.largest_element(), 2_000);
}
