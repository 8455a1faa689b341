//! How a link over a byte stream ends.

use roam_core::net::stream::tcp;
use roam_core::proto::PeerClose;
use roam_core::{CloseReason, ConnectError};
use roam_tests::watched;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::raw::{HELLO, accept_link, goodbye, read_messages};

fn assert_closed_silently(reason: &CloseReason) {
    let CloseReason::Lost(error) = reason else {
        panic!("{reason}")
    };
    assert!(error.is::<PeerClose>());
}

#[test]
fn stream_that_ends_without_goodbye_is_lost() {
    let truncated = [&HELLO[..], &[7, 1, 2]].concat();
    for input in [&[][..], &HELLO, &truncated] {
        watched(async {
            let (mut ours, theirs) = tokio::io::duplex(64);
            let (handle, driver) = accept_link(theirs);
            ours.write_all(input).await.unwrap();
            if !input.is_empty() {
                ours.read_exact(&mut [0; HELLO.len()]).await.unwrap();
            }
            drop(ours);
            assert_closed_silently(&driver.await.unwrap());
            assert_closed_silently(&handle.closed().await);
        });
    }
}

/// A peer that stopped writing cannot follow the protocol, even if it still reads.
#[test]
fn half_closed_stream_is_lost() {
    watched(async {
        let (mut ours, theirs) = tokio::io::duplex(64);
        let (_, driver) = accept_link(theirs);
        ours.write_all(&HELLO).await.unwrap();
        ours.shutdown().await.unwrap();
        assert_closed_silently(&driver.await.unwrap());
        assert_eq!(
            read_messages(&mut ours).await.len(),
            1,
            "expected only Hello"
        );
    });
}

#[test]
fn close_sends_goodbye_and_ends_the_stream() {
    watched(async {
        let (mut ours, theirs) = tokio::io::duplex(64);
        let (handle, driver) = accept_link(theirs);
        ours.write_all(&HELLO).await.unwrap();
        handle.ready().await.unwrap();
        handle.close("that was all");
        assert_eq!(goodbye(&read_messages(&mut ours).await[1]), "that was all");
        drop(ours);
        assert!(matches!(driver.await.unwrap(), CloseReason::Local(_)));
    });
}

/// An acceptor that does not keep a link says so, and the initiator does not dial again.
#[test]
fn a_link_that_nobody_keeps_ends_with_its_socket_on_both_sides() {
    watched(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let accepting = tokio::spawn(async move {
            let (_, driver) = tcp::accept(&listener).await.unwrap().drive();
            driver.await
        });
        let client = tcp::connect(address).await.unwrap();
        accepting.abort();
        let reason = client.closed().await;
        assert!(matches!(reason, CloseReason::Lost(_)), "{reason}");
    });
}

#[test]
fn connect_without_a_listener_fails() {
    watched(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        drop(listener);
        let refused = tcp::connect(address).await.unwrap_err();
        assert!(matches!(refused, ConnectError::Transport(_)), "{refused}");
    });
}
