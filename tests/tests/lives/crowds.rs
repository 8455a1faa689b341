//! Many calls, many links, and peers that take their time.

use std::time::Duration;

use bytes::Bytes;
use futures::future::join_all;
use roam_core::transport::websocket;
use roam_core::{Config, channel};
use roam_tests::end::{connect, echo, serve};
use roam_tests::probe::{Events, ProbeClient, ProbeDispatcher, reporting};
use roam_tests::watched;
use roam_ws_server::Server;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

fn server() -> (Server, Events) {
    let (reporting, events) = reporting();
    (Server::new(ProbeDispatcher::new(reporting)), events)
}

/// Both ends serve `Probe`: a client to call each of them.
async fn both_ways() -> (ProbeClient, ProbeClient) {
    let (server, mut events) = server();
    let (address, _) = serve(server).await;
    let (ours, _) = reporting();
    let url = format!("ws://{address}/");
    let dispatcher = ProbeDispatcher::new(ours);
    let there = websocket::connect(&url, dispatcher, &Config::client())
        .await
        .unwrap();
    let there = ProbeClient::new(there);
    there.meet().await.unwrap();
    (there, ProbeClient::new(events.met().await))
}

#[test]
fn two_peers_echo_64_times_900_kb_to_each_other_at_once() {
    watched(async {
        let (there, here) = both_ways().await;
        let large = Bytes::from(vec![7; 900_000]);
        let echoes = (0..64).flat_map(|_| [there.echo(large.clone()), here.echo(large.clone())]);
        for echoed in join_all(echoes.map(tokio::spawn)).await {
            assert_eq!(echoed.unwrap().unwrap(), large);
        }
    });
}

#[test]
fn empty_elements_that_nobody_reads_delay_no_call() {
    watched(async {
        let (server, mut events) = server();
        let (address, _) = serve(server).await;
        let client = ProbeClient::new(connect(address).await);
        let ((tx, rx), (start, started)) = (channel(), channel());
        let count = tokio::spawn(client.count_empty(rx, started));
        assert_eq!(events.started().await, "count_empty");
        for _ in 0..1_100 {
            tx.send(()).await.unwrap();
            let said = Bytes::from_static(b"between");
            assert_eq!(client.echo(said.clone()).await.unwrap(), said);
        }
        drop(tx);
        start.send(()).await.unwrap();
        assert_eq!(count.await.unwrap().unwrap(), 1_100);
    });
}

#[test]
fn links_beyond_the_bound_wait_until_one_ends() {
    watched(async {
        let (server, _events) = server();
        let (address, _) = serve(server.with_max_links(1)).await;
        let first = connect(address).await;
        echo(&first).await;
        let second = tokio::spawn(connect(address));
        echo(&first).await;
        assert!(!second.is_finished());
        first.close("");
        echo(&second.await.unwrap()).await;
    });
}

#[test]
fn a_client_that_never_finishes_its_http_request_is_dropped_in_time() {
    watched(async {
        let (server, _events) = server();
        let config = Config {
            handshake_timeout: Duration::from_millis(50),
            ..Config::default()
        };
        let (address, _) = serve(server.with_config(config).with_max_links(1)).await;
        for beginning in ["", "GET / HTTP/1.1\r\n", "GET / HTTP/1.1\r\nX-Slow: "] {
            let mut slow = TcpStream::connect(address).await.unwrap();
            slow.write_all(beginning.as_bytes()).await.unwrap();
            // Closed by the server, in one way or another.
            let mut end = [0];
            assert!(matches!(slow.read(&mut end).await, Ok(0) | Err(_)));
        }
        echo(&connect(address).await).await;
    });
}
