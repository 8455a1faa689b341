//! Calls and streams over each kind of byte stream.

use futures::future::join_all;
use roam_core::net::stream::{StreamTransport, tcp};
use roam_core::transport::Transport;
use roam_core::{ConnectionHandle, accept, channel, connect};
use roam_tests::testbed::{TestbedClient, TestbedDispatcher, TestbedHandler};
use roam_tests::watched;
use tokio::net::TcpListener;

fn serve(transport: impl Transport) {
    let dispatcher = TestbedDispatcher::new(TestbedHandler);
    let (_, driver) = accept(transport).dispatcher(dispatcher).drive();
    tokio::spawn(driver);
}

async fn over_pipe(size: usize) -> ConnectionHandle {
    let (ours, theirs) = tokio::io::duplex(size);
    serve(StreamTransport::new(theirs));
    connect(StreamTransport::new(ours)).await.unwrap()
}

async fn over_tcp() -> ConnectionHandle {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let dispatcher = TestbedDispatcher::new(TestbedHandler);
        let accepted = tcp::accept(&listener).await.unwrap();
        accepted.dispatcher(dispatcher).drive().1.await
    });
    tcp::connect(address).await.unwrap()
}

#[cfg(unix)]
async fn over_unix() -> ConnectionHandle {
    use roam_core::net::stream::unix;

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("socket");
    let listener = tokio::net::UnixListener::bind(&path).unwrap();
    tokio::spawn(async move {
        let dispatcher = TestbedDispatcher::new(TestbedHandler);
        let accepted = unix::accept(&listener).await.unwrap();
        accepted.dispatcher(dispatcher).drive().1.await
    });
    unix::connect(&path).await.unwrap()
}

async fn call_everything(connection: ConnectionHandle) {
    let client = TestbedClient::new(connection);
    assert_eq!(client.echo("hello".to_owned()).await.unwrap(), "hello");
    assert_eq!(client.divide(7, 2).await.unwrap(), 3);
    sum(&client, 3_000).await;
    generate(&client, 30_000).await;
    echo_at_once(&client, 8, 900_000).await;
}

async fn sum(client: &TestbedClient, count: i32) {
    let (tx, rx) = channel();
    let sum = tokio::spawn(client.sum(rx).into_future());
    for number in 0..count {
        tx.send(number).await.unwrap();
    }
    drop(tx);
    assert_eq!(
        sum.await.unwrap().unwrap(),
        i64::from(count) * i64::from(count - 1) / 2
    );
}

async fn generate(client: &TestbedClient, count: u32) {
    let (tx, mut rx) = channel();
    let done = tokio::spawn(client.generate(count, tx).into_future());
    for expected in 0..i32::try_from(count).unwrap() {
        assert_eq!(rx.recv().await.unwrap(), Some(expected));
    }
    assert_eq!(rx.recv().await.unwrap(), None);
    done.await.unwrap().unwrap();
}

/// Echoes texts concurrently, so that both peers write far more than the stream buffers.
async fn echo_at_once(client: &TestbedClient, calls: usize, len: usize) {
    let text = format!("{}\0", "x".repeat(999)).repeat(len / 1_000);
    let answers = join_all((0..calls).map(|_| client.echo(text.clone()).into_future())).await;
    for answer in answers {
        assert!(answer.unwrap() == text);
    }
}

#[test]
fn calls_and_streams_over_tcp() {
    watched(async { call_everything(over_tcp().await).await });
}

#[cfg(unix)]
#[test]
fn calls_and_streams_over_a_unix_socket() {
    watched(async { call_everything(over_unix().await).await });
}

#[test]
fn calls_and_streams_over_a_pipe() {
    watched(async { call_everything(over_pipe(10_000).await).await });
}

#[test]
fn tiny_pipe_carries_messages_in_pieces() {
    watched(async {
        let client = TestbedClient::new(over_pipe(7).await);
        echo_at_once(&client, 2, 30_000).await;
        sum(&client, 300).await;
    });
}

#[test]
fn messages_around_a_full_block_round_trip() {
    watched(async {
        let client = TestbedClient::new(over_pipe(4_096).await);
        for len in (230..270).chain(490..530) {
            let text = "x".repeat(len);
            assert_eq!(client.echo(text.clone()).await.unwrap(), text);
        }
    });
}
