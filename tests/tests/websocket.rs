//! A server and a client over a real WebSocket.

use std::time::Instant;

use roam_core::net::websocket::{self, Subprotocols};
use roam_core::{CallError, ConnectionHandle, RoamError, channel};
use roam_tests::testbed::{MathError, TestbedClient, TestbedDispatcher, TestbedHandler};
use roam_ws_server::Server;
use tokio::net::TcpListener;

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
