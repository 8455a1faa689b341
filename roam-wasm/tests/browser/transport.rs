//! The WebSocket of Rust programs.

use std::time::Duration;

use futures::channel::oneshot;
use futures::future::join;
use js_sys::Uint8Array;
use roam_core::{CloseReason, Config, ConnectError, NoDispatcher, Rule, rt};
use roam_wasm::{Subprotocols, WebSocketTransport};
use wasm_bindgen_test::wasm_bindgen_test;

use super::socket::{FakeSocket, after_events, sockets};
use super::testbed::{Handler, PACKED, client_on, link, serve};

#[wasm_bindgen_test]
async fn a_link_works_with_each_subprotocol() {
    for protocol in [PACKED, "roam.v2", ""] {
        let (client, _) = link(protocol, Handler::default()).await;
        let echoed = client.echo("hello".into()).await;
        assert_eq!(echoed.expect("the peer answers"), "hello", "{protocol:?}");
    }
}

#[wasm_bindgen_test]
async fn streams_wait_for_their_readers() {
    let (client, server) = link(PACKED, Handler::default()).await;
    let (tx, mut rx) = roam_core::channel();
    let reading = async {
        after_events().await;
        let sent = server.stats().traffic.sent;
        // A window of numbers, each with what is around it in a frame.
        assert!((256 * 1024..1024 * 1024).contains(&sent), "{sent} bytes");
        let mut next = 0;
        while let Some(number) = rx.recv().await.expect("it is not cut") {
            assert_eq!(number, next);
            next += 1;
        }
        next
    };
    let (generated, count) = join(client.generate(200_000, tx), reading).await;
    generated.expect("the peer answers");
    assert_eq!(count, 200_000);
}

#[wasm_bindgen_test]
async fn a_call_that_is_dropped_stops_its_handler() {
    let handler = Handler::default();
    let (client, _) = link(PACKED, handler.clone()).await;
    assert!(
        rt::timeout(Duration::from_millis(1), client.hang())
            .await
            .is_none()
    );
    client.echo(String::new()).await.expect("the peer answers");
    assert_eq!(handler.hanging.get(), 0);
}

#[wasm_bindgen_test]
async fn the_last_handle_closes_the_socket_and_frees_its_handlers() {
    let (socket, server) = serve(PACKED, NoDispatcher).await;
    let client = client_on(&socket).await;
    assert_eq!(socket.handlers(), 4);
    drop(client);
    assert_eq!(server.closed().await.to_string(), "closed by the peer");
    after_events().await;
    assert_eq!((socket.ready_state(), socket.handlers()), (3, 0));
}

#[wasm_bindgen_test]
async fn a_transport_that_is_dropped_closes_its_socket() {
    let [socket, _peer] = sockets(PACKED);
    socket.opened();
    let transport = WebSocketTransport::adopt(socket.socket(), &Config::client()).await;
    drop(transport);
    after_events().await;
    assert_eq!((socket.ready_state(), socket.handlers()), (3, 0));
}

#[wasm_bindgen_test]
async fn a_socket_is_waited_for_until_it_is_open() {
    let [socket, _peer] = sockets(PACKED);
    let (ready, opened) = oneshot::channel();
    let opening = async {
        let transport = WebSocketTransport::adopt(socket.socket(), &Config::client()).await;
        ready
            .send(transport.is_ok())
            .expect("the test waits for it");
    };
    let opened = async {
        after_events().await;
        socket.opened();
        opened.await
    };
    let ((), opened) = join(opening, opened).await;
    assert_eq!(opened, Ok(true));
}

async fn refused(socket: &FakeSocket, config: &Config) -> ConnectError {
    let transport = WebSocketTransport::adopt(socket.socket(), config).await;
    let error = transport.expect_err("it is no transport");
    assert_eq!(socket.handlers(), 0);
    error
}

#[wasm_bindgen_test]
async fn a_socket_that_does_not_open_is_an_error() {
    let config = Config {
        handshake_timeout: Duration::from_millis(10),
        ..Config::client()
    };
    let socket = FakeSocket::new("");
    assert!(matches!(
        refused(&socket, &config).await,
        ConnectError::Timeout
    ));

    let socket = FakeSocket::new("");
    let (error, ()) = join(refused(&socket, &config), async {
        socket.failed("no route");
    })
    .await;
    assert_eq!(
        error.to_string(),
        "cannot connect: the socket closed with code 1006: no route"
    );
}

#[wasm_bindgen_test]
async fn a_malformed_address_is_an_error() {
    for subprotocols in [Subprotocols::Offer, Subprotocols::OfferNone] {
        let opened = roam_wasm::open("ftp://example.com", subprotocols, &Config::client()).await;
        assert!(matches!(opened, Err(ConnectError::Transport(_))));
    }
    let connected = roam_wasm::connect("ws://:", NoDispatcher, &Config::client()).await;
    assert!(matches!(connected, Err(ConnectError::Transport(_))));
}

#[wasm_bindgen_test]
async fn a_server_that_is_not_there_is_an_error() {
    // Nobody listens on the port of "discard".
    let connected = roam_wasm::connect("ws://127.0.0.1:9/", NoDispatcher, &Config::client()).await;
    let error = connected.expect_err("nobody answers");
    assert!(
        matches!(error, ConnectError::Transport(_) | ConnectError::Timeout),
        "{error}"
    );
}

#[wasm_bindgen_test]
async fn frames_that_are_none_of_ours_are_violations() {
    let long = Uint8Array::new_with_length((1 << 20) + 128 * 1024 + 1).buffer();
    for (data, rule) in [
        ("text".into(), Rule::DecodeError),
        (long.into(), Rule::TooLarge),
    ] {
        let (socket, server) = serve(PACKED, NoDispatcher).await;
        let client = client_on(&socket).await;
        socket.received(&data);
        match client.closed().await {
            CloseReason::Violation(violation) => assert_eq!(violation.rule, rule),
            other => panic!("{other}"),
        }
        let told = server.closed().await.to_string();
        assert!(told.contains(rule.id()), "{told}");
    }
}

#[wasm_bindgen_test]
async fn a_lost_socket_tells_its_code_and_reason() {
    let (socket, _server) = serve(PACKED, NoDispatcher).await;
    let client = client_on(&socket).await;
    socket.closed(1012, "service restart");
    assert_eq!(
        client.closed().await.to_string(),
        "the transport is lost: the socket closed with code 1012: service restart"
    );
}
