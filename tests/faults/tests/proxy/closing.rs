//! Directions that are closed, by the proxy and by the peers.

use std::io::ErrorKind;

use roam_faults::{Direction, End, Fault, FaultProxy, Side};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpSocket;

use crate::site::{Site, is_refused_by, is_reset_after, reads, reads_last, run};

#[test]
fn one_direction_is_closed_and_the_other_goes_on() {
    run(async {
        let site = Site::start().await;
        let mut joined = site.join().await;
        joined.client.write_all(b"before").await.unwrap();
        reads(&mut joined.server, b"before").await;
        joined.connection.inject(Fault::Close(Direction::Up));
        reads_last(&mut joined.server, b"").await;

        joined.client.write_all(b"lost").await.unwrap();
        joined.connection.swallowed(Direction::Up, 4).await.unwrap();
        joined.server.write_all(b"answer").await.unwrap();
        reads(&mut joined.client, b"answer").await;
        assert_eq!(joined.connection.end(), None);

        drop(joined.server);
        reads_last(&mut joined.client, b"").await;
        drop(joined.client);
        assert_eq!(joined.connection.ended().await, End::Closed);
    });
}

#[test]
fn direction_closes_after_exactly_so_many_bytes() {
    run(async {
        let site = Site::start().await;
        let mut joined = site.join_with(Fault::CloseAt(Direction::Down, 3)).await;
        joined.server.write_all(b"answer").await.unwrap();
        reads_last(&mut joined.client, b"ans").await;
        joined
            .connection
            .swallowed(Direction::Down, 3)
            .await
            .unwrap();
        joined.client.write_all(b"question").await.unwrap();
        reads(&mut joined.server, b"question").await;
    });
}

#[test]
fn end_of_a_peer_passes() {
    run(async {
        let site = Site::start().await;
        let mut joined = site.join().await;
        joined.client.write_all(b"question").await.unwrap();
        joined.client.shutdown().await.unwrap();
        reads_last(&mut joined.server, b"question").await;
        joined.server.write_all(b"answer").await.unwrap();
        drop(joined.server);
        reads_last(&mut joined.client, b"answer").await;
        assert_eq!(joined.connection.ended().await, End::Closed);
    });
}

#[test]
fn reset_of_a_peer_passes() {
    run(async {
        let site = Site::start().await;
        let mut joined = site.join().await;
        joined.client.set_zero_linger().unwrap();
        drop(joined.client);
        is_reset_after(&mut joined.server, 0).await;
        assert_eq!(joined.connection.ended().await, End::Reset(Side::Client));

        let mut joined = site.join().await;
        joined.server.set_zero_linger().unwrap();
        drop(joined.server);
        is_reset_after(&mut joined.client, 0).await;
        assert_eq!(joined.connection.ended().await, End::Reset(Side::Upstream));
    });
}

#[test]
fn client_of_an_unreachable_upstream_is_reset() {
    run(async {
        // A port that is taken, but on which nobody listens.
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let proxy = FaultProxy::start(socket.local_addr().unwrap())
            .await
            .unwrap();
        is_refused_by(proxy.addr()).await;
        let end = proxy.connection(1).await.ended().await;
        assert_eq!(end, End::Unreachable(ErrorKind::ConnectionRefused));
    });
}
