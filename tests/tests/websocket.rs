//! A server and a client over a real WebSocket.

use std::time::Instant;

use futures::{SinkExt, StreamExt};
use roam_core::net::websocket::{self, Subprotocols};
use roam_core::proto::{Close, PeerClose};
use roam_core::{CallError, ConnectionHandle, FailureKind, NoDispatcher, RoamError, channel};
use roam_tests::testbed::{MathError, TestbedClient, TestbedDispatcher, TestbedHandler};
use roam_ws_server::Server;
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, accept_async, connect_async};

async fn serve() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = Server::new(TestbedDispatcher::new(TestbedHandler));
    tokio::spawn(async move { server.serve(listener).await });
    format!("ws://{address}/")
}

async fn connect(subprotocols: Subprotocols) -> ConnectionHandle {
    let connecting = websocket::connect(&serve().await).subprotocols(subprotocols);
    connecting.await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_and_streams_work_in_either_framing() {
    for subprotocols in [Subprotocols::Offer, Subprotocols::OfferNone] {
        let client = TestbedClient::new(connect(subprotocols).await);
        assert_eq!(client.echo("hello".to_owned()).await.unwrap(), "hello");
        let divided = client.divide(1, 0).await;
        assert!(matches!(
            divided,
            Err(CallError::Answered(RoamError::User(
                MathError::DivisionByZero
            )))
        ));

        let (tx, rx) = channel();
        let sum = tokio::spawn(client.sum(rx).into_future());
        for number in 0..10_000 {
            tx.send(number).await.unwrap();
        }
        drop(tx);
        assert_eq!(sum.await.unwrap().unwrap(), 49_995_000);

        let (tx, mut rx) = channel();
        let started = Instant::now();
        let done = tokio::spawn(client.generate(1_000_000, tx).into_future());
        for expected in 0..1_000_000 {
            assert_eq!(rx.recv().await.unwrap(), Some(expected));
        }
        assert_eq!(rx.recv().await.unwrap(), None);
        done.await.unwrap().unwrap();
        println!("{:?}", started.elapsed());
    }
}

/// Returns a client of bare sockets, without a link.
async fn raw_client(url: &str) -> WebSocketStream<MaybeTlsStream<TcpStream>> {
    connect_async(url).await.unwrap().0
}

/// Reads frames up to the close frame, and returns its code and reason.
async fn close_of<S>(socket: &mut WebSocketStream<S>) -> (u16, String)
where
    WebSocketStream<S>: StreamExt<Item = Result<Message, tokio_tungstenite::tungstenite::Error>>,
    WebSocketStream<S>: Unpin,
{
    loop {
        if let Message::Close(frame) = socket.next().await.unwrap().unwrap() {
            let frame = frame.expect("a close frame with a code");
            return (frame.code.into(), frame.reason.to_string());
        }
    }
}

#[tokio::test]
async fn a_violation_closes_the_socket_with_4400_and_the_rule() {
    let mut socket = raw_client(&serve().await).await;
    socket.send(Message::text("hello")).await.unwrap();
    let close = close_of(&mut socket).await;
    assert_eq!(close, (4400, "message.decode-error: text frame".to_owned()));
}

#[tokio::test]
async fn a_closed_link_closes_the_socket_with_1000_and_its_reason() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}/", listener.local_addr().unwrap());
    let server = Server::new(NoDispatcher).with_greeting(|link| link.close("that was all"));
    tokio::spawn(async move { server.serve(listener).await });
    let mut socket = raw_client(&url).await;
    let close = close_of(&mut socket).await;
    assert_eq!(close, (1000, "that was all".to_owned()));
}

/// A peer that only knows version 2 of the protocol learns a code from its socket.
#[tokio::test]
async fn a_link_that_is_closed_with_a_code_closes_the_socket_with_it() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}/", listener.local_addr().unwrap());
    let close = Close::new(4_001, "moved").unwrap();
    let server =
        Server::new(NoDispatcher).with_greeting(move |link| link.close_with(close.clone()));
    tokio::spawn(async move { server.serve(listener).await });
    let mut socket = raw_client(&url).await;
    let close = close_of(&mut socket).await;
    assert_eq!(close, (4001, "moved".to_owned()));
}

#[tokio::test]
async fn a_lost_link_reports_the_peers_code_and_reason() {
    for (sent, code, reason) in [
        (Some((4001, "restarting")), 4001, "restarting"),
        (None, 1005, ""),
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("ws://{}/", listener.local_addr().unwrap());
        tokio::spawn(async move {
            let mut socket = accept_async(listener.accept().await.unwrap().0)
                .await
                .unwrap();
            let frame = sent.map(|(code, reason): (u16, &str)| CloseFrame {
                code: code.into(),
                reason: reason.into(),
            });
            socket.close(frame).await.unwrap();
            while socket.next().await.is_some() {}
        });
        let connecting = websocket::connect(&url).subprotocols(Subprotocols::OfferNone);
        let (client, driver) = connecting.dial().await.unwrap();
        tokio::spawn(driver);
        let ended = client.closed().await;
        let reason = reason.to_owned();
        assert_eq!(ended.peer_close(), Some(PeerClose { code, reason }));
    }
}

/// What is in use goes on; nothing else is granted.
#[tokio::test]
async fn a_links_budget_is_lowered_and_raised_while_calls_run() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (greet, mut greeted) = tokio::sync::mpsc::unbounded_channel();
    let server = Server::new(TestbedDispatcher::new(TestbedHandler))
        .with_greeting(move |link| greet.send(link).unwrap());
    tokio::spawn(async move { server.serve(listener).await });
    let url = format!("ws://{address}/");
    let handle = websocket::connect(&url).await.unwrap();
    assert_eq!(handle.peer_addr(), Some(address));
    let client = TestbedClient::new(handle);
    let link = greeted.recv().await.unwrap();
    assert!(
        link.peer_addr()
            .is_some_and(|peer| peer.ip() == address.ip())
    );

    let (tx, input) = channel::<String>();
    let (output, mut rx) = channel::<String>();
    let call = tokio::spawn(client.transform(input, output).into_future());
    tx.send("ab".to_owned()).await.unwrap();
    assert_eq!(rx.recv().await.unwrap().as_deref(), Some("ba"));

    let budget = link.budget();
    let mut nothing = budget;
    nothing.receive_budget = 0;
    nothing.sending_channels = 0;
    nothing.call_payloads = 0;
    link.set_budget(nothing);
    let refused = client.echo("no".to_owned()).await.unwrap_err();
    assert!(
        matches!(&refused, CallError::Failed(failure) if failure.kind == FailureKind::Busy),
        "{refused:?}"
    );
    tx.send("cd".to_owned()).await.unwrap();
    assert_eq!(rx.recv().await.unwrap().as_deref(), Some("dc"));

    link.set_budget(budget);
    assert_eq!(client.echo("yes".to_owned()).await.unwrap(), "yes");
    tx.close();
    assert_eq!(rx.recv().await.unwrap(), None);
    call.await.unwrap().unwrap();
}
