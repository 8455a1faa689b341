//! Links that are handed from one transport to another, at both ends, while calls are in progress.

use std::future::Future;
use std::pin::pin;

use futures::future::{Either, select};
use roam_core::net::stream::StreamTransport;
use roam_core::proto::Framing;
use roam_core::transport::{Transport, TransportError, memory_pair};
use roam_core::{CloseReason, Driver, accept, channel, connect};
use roam_tests::testbed::{TestbedClient, TestbedDispatcher, TestbedHandler};
use roam_tests::watched;
use tokio::net::{TcpListener, TcpStream, UnixStream};

/// Polls both drivers until `work` is done.
async fn carry<A: Transport, B: Transport, R>(
    client: &mut Driver<A>,
    server: &mut Driver<B>,
    work: impl Future<Output = R>,
) -> R {
    let (client, server) = (pin!(client.carry()), pin!(server.carry()));
    match select(pin!(work), select(client, server)).await {
        Either::Left((done, _)) => done,
        Either::Right(_) => panic!("a transport or the link has ended"),
    }
}

async fn tcp_pair() -> (StreamTransport<TcpStream>, StreamTransport<TcpStream>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let client = TcpStream::connect(address).await.unwrap();
    let (server, peer) = listener.accept().await.unwrap();
    (
        StreamTransport::new(client).with_peer_addr(address),
        StreamTransport::new(server).with_peer_addr(peer),
    )
}

fn unix_pair() -> (StreamTransport<UnixStream>, StreamTransport<UnixStream>) {
    let (client, server) = UnixStream::pair().unwrap();
    (StreamTransport::new(client), StreamTransport::new(server))
}

/// The server answers each string before the next is sent, so nothing is on its way after an answer.
#[test]
fn a_call_in_progress_goes_on_over_another_transport() {
    watched(async {
        let (ours, theirs) = tcp_pair().await;
        let address = ours.peer_addr();
        let (handle, mut client) = connect(ours).drive();
        let dispatcher = TestbedDispatcher::new(TestbedHandler);
        let (_, mut server) = accept(theirs).dispatcher(dispatcher).drive();
        assert_eq!(handle.peer_addr(), address);

        let (tx, input) = channel::<String>();
        let (output, mut rx) = channel::<String>();
        let call = TestbedClient::new(handle.clone()).transform(input, output);
        let call = tokio::spawn(call.into_future());
        let first = async {
            tx.send("ab".to_owned()).await.unwrap();
            rx.recv().await.unwrap()
        };
        let first = carry(&mut client, &mut server, first).await;
        assert_eq!(first.as_deref(), Some("ba"));

        let (client, _) = client.detach();
        assert_eq!(handle.peer_addr(), None);
        // The server's end is lost, and the link lives on.
        let lost = server.carry().await.unwrap_err();
        assert!(matches!(lost, TransportError::Closed(_)), "{lost}");
        let (server, _) = server.detach();

        let (ours, theirs) = unix_pair();
        let mut client = client.attach(ours).unwrap();
        let mut server = server.attach(theirs).unwrap();
        let rest = async {
            tx.send("cd".to_owned()).await.unwrap();
            assert_eq!(rx.recv().await.unwrap().as_deref(), Some("dc"));
            tx.close();
            assert_eq!(rx.recv().await.unwrap(), None);
            call.await.unwrap().unwrap();
        };
        carry(&mut client, &mut server, rest).await;
        handle.close("that was all");
        let (client, server) = futures::future::join(client, server).await;
        assert!(matches!(client, CloseReason::Local(_)), "{client}");
        assert!(matches!(server, CloseReason::Goodbye(_)), "{server}");
    });
}

#[test]
fn a_link_without_a_transport_is_lost_when_it_is_dropped() {
    watched(async {
        let (ours, _theirs) = unix_pair();
        let (handle, client) = connect(ours).drive();
        let (client, _) = client.detach();
        assert!(handle.close_reason().is_none());
        drop(client);
        assert!(matches!(handle.closed().await, CloseReason::Lost(_)));
    });
}

#[test]
fn a_transport_of_another_framing_is_refused_and_the_link_lives_on() {
    watched(async {
        let (ours, _theirs) = unix_pair();
        let (handle, client) = connect(ours).drive();
        let (client, ours) = client.detach();
        let (packed, _other) = memory_pair(Framing::Packed);
        let refused = client.attach(packed).unwrap_err();
        assert_eq!(
            (refused.transport, refused.expected),
            (Framing::Packed, Framing::Cobs)
        );
        let _client = refused.link.attach(ours).unwrap();
        assert!(handle.close_reason().is_none());
    });
}
