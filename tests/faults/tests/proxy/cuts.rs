//! Connections that are cut.

use roam_faults::{Cut, Dark, Direction, End, EndedEarly, Fault, Plan, Ways};
use socket2::SockRef;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::site::{Joined, Site, echoes, is_reset_after, reads, reads_last, run};

#[test]
fn reset_comes_after_exactly_so_many_bytes() {
    run(async {
        let site = Site::start().await;
        let mut joined = site
            .join_with(Fault::CutAt(Direction::Up, 5, Cut::Reset))
            .await;
        joined.client.write_all(b"hello, world").await.unwrap();
        is_reset_after(&mut joined.server, 5).await;
        is_reset_after(&mut joined.client, 0).await;
        assert_eq!(joined.connection.ended().await, End::Cut(Cut::Reset));
        assert_eq!(joined.connection.traffic(Direction::Up).forwarded, 5);
    });
}

#[test]
fn fin_comes_after_exactly_so_many_bytes() {
    run(async {
        let site = Site::start().await;
        let mut joined = site
            .join_with(Fault::CutAt(Direction::Down, 5, Cut::Fin))
            .await;
        joined.server.write_all(b"hello, world").await.unwrap();
        reads_last(&mut joined.client, b"hello").await;
        reads_last(&mut joined.server, b"").await;
        assert_eq!(joined.connection.ended().await, End::Cut(Cut::Fin));
        assert_eq!(joined.connection.traffic(Direction::Down).forwarded, 5);
    });
}

#[test]
fn reset_waits_for_a_reader_that_is_behind() {
    run(async {
        let site = Site::start().await;
        // The receivers have no room for all bytes, but the sockets of the proxy have.
        SockRef::from(&site.server)
            .set_recv_buffer_size(4096)
            .unwrap();
        for len in [5_000, 6_000, 50_000] {
            let mut joined = site
                .join_with(Fault::CutAt(Direction::Up, len, Cut::Reset))
                .await;
            let len = usize::try_from(len).unwrap();
            joined.client.write_all(&vec![7; len + 1]).await.unwrap();
            joined.connection.forwarded(Direction::Up, 1).await.unwrap();
            // Another connection shows that the proxy had time to cut.
            let mut other = site.join().await;
            other.client.write_all(b"hello").await.unwrap();
            reads(&mut other.server, b"hello").await;
            is_reset_after(&mut joined.server, len).await;
        }
    });
}

#[test]
fn position_that_has_passed_cuts_at_once() {
    run(async {
        let site = Site::start().await;
        let (mut client, connection) = site.join_echo(Plan::new()).await;
        echoes(&mut client, b"hello").await;
        connection.inject(Fault::CutAt(Direction::Up, 3, Cut::Reset));
        assert_eq!(connection.ended().await, End::Cut(Cut::Reset));
        is_reset_after(&mut client, 0).await;
    });
}

#[test]
fn cut_of_one_leaves_the_others() {
    run(async {
        let site = Site::start().await;
        let (mut first, cut) = site.join_echo(Plan::new()).await;
        let (mut second, _) = site.join_echo(Plan::new()).await;
        echoes(&mut first, b"one").await;
        cut.inject(Fault::Cut(Cut::Reset));
        is_reset_after(&mut first, 0).await;
        echoes(&mut second, b"two").await;
    });
}

#[test]
fn cut_of_all_leaves_those_to_come() {
    run(async {
        let site = Site::start().await;
        let (mut first, _) = site.join_echo(Plan::new()).await;
        let (mut second, _) = site.join_echo(Plan::new()).await;
        assert_eq!(site.proxy.inject(Fault::Cut(Cut::Fin)), 2);
        reads_last(&mut first, b"").await;
        reads_last(&mut second, b"").await;
        let (mut third, _) = site.join_echo(Plan::new()).await;
        echoes(&mut third, b"three").await;
    });
}

#[test]
fn fin_does_not_become_a_reset_when_input_is_unread() {
    run(async {
        let site = Site::start().await;
        let mut joined = site.join_with(Fault::Dark(Ways::Both, Dark::Hold)).await;
        joined.client.write_all(b"unread").await.unwrap();
        joined.server.write_all(b"unread").await.unwrap();
        joined.connection.inject(Fault::Cut(Cut::Fin));
        reads_last(&mut joined.client, b"").await;
        reads_last(&mut joined.server, b"").await;
        // Nor does what is sent later.
        joined.client.write_all(b"late").await.unwrap();
        joined.client.shutdown().await.unwrap();
        reads_last(&mut joined.server, b"").await;
    });
}

#[test]
fn connection_that_was_closed_can_be_reset() {
    run(async {
        let site = Site::start().await;
        let mut joined = site.join().await;
        joined.connection.inject(Fault::Cut(Cut::Fin));
        reads_last(&mut joined.client, b"").await;
        joined.connection.inject(Fault::Cut(Cut::Reset));
        // The end was read already, so the reset shows when the client writes: at the first write
        // that follows it.
        while joined.client.write_all(b"still there?").await.is_ok() {
            tokio::task::yield_now().await;
        }
        assert_eq!(joined.connection.end(), Some(End::Cut(Cut::Fin)));
    });
}

#[test]
fn cut_comes_through_the_dark() {
    run(async {
        let site = Site::start().await;
        let mut joined = site.join_with(Fault::Dark(Ways::Both, Dark::Hold)).await;
        joined.connection.inject(Fault::Cut(Cut::Reset));
        is_reset_after(&mut joined.client, 0).await;
        is_reset_after(&mut joined.server, 0).await;
    });
}

#[test]
fn cut_comes_while_the_proxy_connects() {
    run(async {
        let site = Site::start().await;
        for cut in [Cut::Fin, Cut::Reset] {
            // On one thread, the proxy has not yet learned that it is connected.
            let mut joined = site.join().await;
            joined.connection.inject(Fault::Cut(cut));
            for stream in [&mut joined.client, &mut joined.server] {
                match cut {
                    Cut::Fin => reads_last(stream, b"").await,
                    Cut::Reset => is_reset_after(stream, 0).await,
                }
            }
        }
    });
}

#[test]
fn waiting_for_bytes_fails_at_the_end() {
    run(async {
        let site = Site::start().await;
        let Joined {
            mut client,
            mut server,
            connection,
        } = site
            .join_with(Fault::CutAt(Direction::Up, 4, Cut::Fin))
            .await;
        client.write_all(b"hello").await.unwrap();
        reads(&mut server, b"hell").await;
        assert_eq!(server.read(&mut [0]).await.unwrap(), 0);
        assert_eq!(connection.forwarded(Direction::Up, 4).await, Ok(()));
        assert_eq!(
            connection.forwarded(Direction::Up, 5).await,
            Err(EndedEarly {
                connection: 1,
                direction: Direction::Up,
                awaited: 5,
                passed: 4,
                end: End::Cut(Cut::Fin),
            })
        );
    });
}
