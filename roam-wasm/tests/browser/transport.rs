//! The WebSocket transport for Rust programs.

use std::time::Duration;

use futures::channel::oneshot;
use futures::future::join;
use js_sys::Uint8Array;
use roam_core::client::Dial;
use roam_core::{CloseReason, Config, ConnectError, NoDispatcher, Rule, rt};
use roam_wasm::{Subprotocols, WebSocketTransport};
use wasm_bindgen_test::wasm_bindgen_test;

use super::socket::{FakeSocket, after_events, sockets};
use super::testbed::{Handler, PACKED, client_on, link, serve};

#[wasm_bindgen_test]
async fn link_works_with_each_subprotocol() {
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
        // A window of numbers, each with its message header.
        assert!((256 * 1024..1024 * 1024).contains(&sent), "{sent} bytes");
        let mut next = 0;
        while let Some(number) = rx.recv().await.expect("the channel was not reset") {
            assert_eq!(number, next);
            next += 1;
        }
        next
    };
    let (generated, count) = join(client.generate(200_000, tx).into_future(), reading).await;
    generated.expect("the peer answers");
    assert_eq!(count, 200_000);
}

#[wasm_bindgen_test]
async fn dropped_call_aborts_its_handler() {
    let handler = Handler::default();
    let (client, _) = link(PACKED, handler.clone()).await;
    assert!(
        rt::timeout(Duration::from_millis(1), client.hang().into_future())
            .await
            .is_none()
    );
    client.echo(String::new()).await.expect("the peer answers");
    assert_eq!(handler.hanging.get(), 0);
}

#[wasm_bindgen_test]
async fn last_handle_closes_the_socket() {
    let (socket, server) = serve(PACKED, NoDispatcher).await;
    let client = client_on(&socket).await;
    assert_eq!(socket.handlers(), 4);
    drop(client);
    assert_eq!(server.closed().await.to_string(), "closed by the peer");
    after_events().await;
    assert_eq!((socket.ready_state(), socket.handlers()), (3, 0));
}

#[wasm_bindgen_test]
async fn dropped_transport_closes_its_socket() {
    let [socket, _peer] = sockets(PACKED);
    socket.opened();
    let transport = WebSocketTransport::adopt(socket.socket(), &Config::client()).await;
    drop(transport);
    after_events().await;
    assert_eq!((socket.ready_state(), socket.handlers()), (3, 0));
}

#[wasm_bindgen_test]
async fn adopt_waits_for_a_connecting_socket() {
    let [socket, _peer] = sockets(PACKED);
    let (ready, opened) = oneshot::channel();
    let opening = async {
        let transport = WebSocketTransport::adopt(socket.socket(), &Config::client()).await;
        ready
            .send(transport.is_ok())
            .expect("the test waits for the result");
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
    let error = transport.expect_err("the socket does not open");
    assert_eq!(socket.handlers(), 0);
    error
}

#[wasm_bindgen_test]
async fn failing_socket_is_an_error() {
    let config = Config::client().with_handshake_timeout(Duration::from_millis(10));
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
        "cannot connect: closed with code 1006: no route"
    );
}

#[wasm_bindgen_test]
async fn malformed_address_is_an_error() {
    for subprotocols in [Subprotocols::Offer, Subprotocols::OfferNone] {
        let mut dialer = roam_wasm::Dialer::new("ftp://example.com", subprotocols);
        let opened = dialer.dial(&Config::client()).await;
        assert!(matches!(opened, Err(ConnectError::Transport(_))));
    }
    let connected = roam_wasm::connect("ws://:").await;
    assert!(matches!(connected, Err(ConnectError::Transport(_))));
}

#[wasm_bindgen_test]
async fn missing_server_is_an_error() {
    // Nothing listens on port 9 (discard).
    let connected = roam_wasm::connect("ws://127.0.0.1:9/").await;
    let error = connected.expect_err("nothing listens");
    assert!(
        matches!(error, ConnectError::Transport(_) | ConnectError::Timeout),
        "{error}"
    );
}

#[wasm_bindgen_test]
async fn foreign_frames_are_violations() {
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
        let reason = server.closed().await.to_string();
        assert!(reason.contains(rule.id()), "{reason}");
    }
}

#[wasm_bindgen_test]
async fn lost_socket_reports_code_and_reason() {
    let (socket, _server) = serve(PACKED, NoDispatcher).await;
    let client = client_on(&socket).await;
    socket.closed(1012, "service restart");
    assert_eq!(
        client.closed().await.to_string(),
        "the transport is lost: closed with code 1012: service restart"
    );
}
