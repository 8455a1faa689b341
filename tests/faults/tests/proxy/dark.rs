//! Connections that are dark: both sockets stay open, and nothing passes.

use roam_faults::{Dark, Direction, End, Fault, Side, Ways};
use tokio::io::AsyncWriteExt;

use crate::site::{Site, is_reset_after, reads, reads_last, reads_nothing, run};

#[test]
fn held_bytes_pass_when_it_is_light_again() {
    run(async {
        let site = Site::start().await;
        let mut joined = site.join().await;
        joined.connection.inject(Fault::Dark(Ways::Up, Dark::Hold));
        joined.client.write_all(b"held").await.unwrap();
        // The other direction is light.
        joined.server.write_all(b"answer").await.unwrap();
        reads(&mut joined.client, b"answer").await;
        reads_nothing(&joined.server);
        assert_eq!(joined.connection.traffic(Direction::Up).forwarded, 0);

        joined.connection.inject(Fault::Light(Ways::Up));
        reads(&mut joined.server, b"held").await;
    });
}

#[test]
fn swallowed_bytes_are_lost() {
    run(async {
        let site = Site::start().await;
        let mut joined = site.join().await;
        joined
            .connection
            .inject(Fault::Dark(Ways::Both, Dark::Swallow));
        joined.client.write_all(b"lost").await.unwrap();
        joined.server.write_all(b"lost too").await.unwrap();
        joined.connection.swallowed(Direction::Up, 4).await.unwrap();
        joined
            .connection
            .swallowed(Direction::Down, 8)
            .await
            .unwrap();

        joined.connection.inject(Fault::Light(Ways::Both));
        joined.client.write_all(b"seen").await.unwrap();
        reads(&mut joined.server, b"seen").await;
        joined.server.write_all(b"seen").await.unwrap();
        reads(&mut joined.client, b"seen").await;
    });
}

#[test]
fn it_goes_dark_after_exactly_so_many_bytes() {
    run(async {
        let site = Site::start().await;
        let mut joined = site
            .join_with(Fault::DarkAt(Direction::Up, 5, Dark::Swallow))
            .await;
        joined.client.write_all(b"hello, world").await.unwrap();
        reads(&mut joined.server, b"hello").await;
        joined.connection.swallowed(Direction::Up, 7).await.unwrap();
        // Both directions are dark.
        joined.server.write_all(b"lost").await.unwrap();
        joined
            .connection
            .swallowed(Direction::Down, 4)
            .await
            .unwrap();

        joined.connection.inject(Fault::Light(Ways::Both));
        joined.client.write_all(b"!").await.unwrap();
        reads(&mut joined.server, b"!").await;
    });
}

#[test]
fn the_end_of_a_peer_does_not_pass() {
    run(async {
        for dark in [Dark::Hold, Dark::Swallow] {
            let site = Site::start().await;
            let mut joined = site.join().await;
            joined.connection.inject(Fault::Dark(Ways::Up, dark));
            joined.client.write_all(b"last").await.unwrap();
            joined.client.shutdown().await.unwrap();
            joined.server.write_all(b"answer").await.unwrap();
            reads(&mut joined.client, b"answer").await;
            if dark == Dark::Swallow {
                joined.connection.swallowed(Direction::Up, 4).await.unwrap();
            }
            reads_nothing(&joined.server);

            joined.connection.inject(Fault::Light(Ways::Up));
            let passed: &[u8] = match dark {
                Dark::Hold => b"last",
                Dark::Swallow => b"",
            };
            reads_last(&mut joined.server, passed).await;
        }
    });
}

#[test]
fn the_reset_of_a_peer_does_not_pass() {
    run(async {
        for dark in [Dark::Hold, Dark::Swallow] {
            let site = Site::start().await;
            let mut joined = site.join().await;
            joined.connection.inject(Fault::Dark(Ways::Both, dark));
            joined.client.set_zero_linger().unwrap();
            drop(joined.client);
            // Another connection shows that the proxy had time to see the reset.
            let mut other = site.join().await;
            other.client.write_all(b"hello").await.unwrap();
            reads(&mut other.server, b"hello").await;
            reads_nothing(&joined.server);
            assert_eq!(joined.connection.end(), None);

            joined.connection.inject(Fault::Light(Ways::Both));
            is_reset_after(&mut joined.server, 0).await;
            assert_eq!(joined.connection.ended().await, End::Reset(Side::Client));
        }
    });
}

#[test]
fn sender_blocks_while_bytes_are_held() {
    // More than the kernel buffers for four sockets.
    const LEN: usize = 64 << 20;
    run(async {
        let site = Site::start().await;
        let mut joined = site.join_with(Fault::Dark(Ways::Up, Dark::Hold)).await;
        let mut client = joined.client;
        let writing = tokio::spawn(async move {
            client.write_all(&vec![7; LEN]).await.unwrap();
        });
        // Another connection shows that the proxy had time to read.
        let mut other = site.join().await;
        other.client.write_all(b"hello").await.unwrap();
        reads(&mut other.server, b"hello").await;
        assert!(!writing.is_finished());
        assert_eq!(joined.connection.traffic(Direction::Up).forwarded, 0);

        joined.connection.inject(Fault::Light(Ways::Up));
        reads_last(&mut joined.server, &vec![7; LEN]).await;
        writing.await.unwrap();
    });
}

#[test]
fn a_dark_proxy_is_dark_for_connections_to_come() {
    run(async {
        let site = Site::start().await;
        let fault = Fault::Dark(Ways::Both, Dark::Swallow);
        assert_eq!(site.proxy.inject(fault), 0);
        let mut joined = site.join().await;
        joined.client.write_all(b"lost").await.unwrap();
        joined.connection.swallowed(Direction::Up, 4).await.unwrap();

        assert_eq!(site.proxy.inject(Fault::Light(Ways::Both)), 1);
        joined.client.write_all(b"seen").await.unwrap();
        reads(&mut joined.server, b"seen").await;
        let mut later = site.join().await;
        later.client.write_all(b"seen").await.unwrap();
        reads(&mut later.server, b"seen").await;
    });
}
