//! Many calls, many links and slow peers.

use std::time::Duration;

use bytes::Bytes;
use futures::future::join_all;
use roam_core::net::websocket;
use roam_core::{Config, channel};
use roam_tests::endpoint::{connect, echo, serve};
use roam_tests::probe::{Events, ProbeClient, ProbeDispatcher, probe_handler};
use roam_tests::watched;
use roam_ws_server::Server;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

fn server() -> (Server, Events) {
    let (handler, events) = probe_handler();
    (Server::new(ProbeDispatcher::new(handler)), events)
}

/// Connects two peers that serve `Probe`. Returns a client for calls to the server, and one for
/// calls in the other direction.
async fn both_ways() -> (ProbeClient, ProbeClient) {
    let (server, mut events) = server();
    let (address, _) = serve(server).await;
    let (ours, _) = probe_handler();
    let url = format!("ws://{address}/");
    let dispatcher = ProbeDispatcher::new(ours);
    let to_server = websocket::connect(&url)
        .dispatcher(dispatcher)
        .await
        .unwrap();
    let to_server = ProbeClient::new(to_server);
    to_server.meet().await.unwrap();
    (to_server, ProbeClient::new(events.met().await))
}

#[test]
fn both_peers_echo_64_large_payloads_at_once() {
    watched(async {
        let (to_server, to_client) = both_ways().await;
        let large = Bytes::from(vec![7; 900_000]);
        let echoes = (0..64)
            .flat_map(|_| [to_server.echo(large.clone()), to_client.echo(large.clone())])
            .map(|echo| tokio::spawn(echo.into_future()));
        for echoed in join_all(echoes).await {
            assert_eq!(echoed.unwrap().unwrap(), large);
        }
    });
}

#[test]
fn unread_empty_elements_do_not_delay_calls() {
    watched(async {
        let (server, mut events) = server();
        let (address, _) = serve(server).await;
        let client = ProbeClient::new(connect(address).await);
        let ((tx, rx), (start, started)) = (channel(), channel());
        let count = tokio::spawn(client.count_empty(rx, started).into_future());
        assert_eq!(events.started().await, "count_empty");
        for _ in 0..1_100 {
            tx.send(()).await.unwrap();
            let payload = Bytes::from_static(b"between");
            assert_eq!(client.echo(payload.clone()).await.unwrap(), payload);
        }
        drop(tx);
        start.send(()).await.unwrap();
        assert_eq!(count.await.unwrap().unwrap(), 1_100);
    });
}

#[test]
fn links_over_the_limit_are_refused_until_there_is_a_free_slot() {
    watched(async {
        let (server, _events) = server();
        let (address, _) = serve(server.with_max_links(1)).await;
        let first = connect(address).await;
        echo(&first).await;
        let url = format!("ws://{address}/");
        let refused = websocket::connect(&url).await.unwrap_err();
        assert_eq!(
            refused.to_string(),
            "refused with code 4429: too many links"
        );
        echo(&first).await;
        first.close("");
        let second = loop {
            if let Ok(second) = websocket::connect(&url).await {
                break second;
            }
        };
        echo(&second).await;
    });
}

#[test]
fn incomplete_http_request_times_out() {
    watched(async {
        let (server, _events) = server();
        let config = Config::default().with_handshake_timeout(Duration::from_millis(50));
        let (address, _) = serve(server.with_config(config).with_max_links(1)).await;
        for beginning in ["", "GET / HTTP/1.1\r\n", "GET / HTTP/1.1\r\nX-Slow: "] {
            let mut slow = TcpStream::connect(address).await.unwrap();
            slow.write_all(beginning.as_bytes()).await.unwrap();
            // The server closes or resets the connection.
            let mut buffer = [0];
            assert!(matches!(slow.read(&mut buffer).await, Ok(0) | Err(_)));
        }
        echo(&connect(address).await).await;
    });
}
