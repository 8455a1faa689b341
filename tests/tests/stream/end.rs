//! How a stream ends.

use roam_core::transport::ClosedSilently;
use roam_core::transport::stream::tcp;
use roam_core::{CloseReason, Config, ConnectError, NoDispatcher};
use roam_tests::watched;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::raw::{HELLO, accepted, goodbye, hear};

fn assert_closed_silently(reason: &CloseReason) {
    let CloseReason::Lost(error) = reason else {
        panic!("{reason}")
    };
    assert!(error.is::<ClosedSilently>());
}

#[test]
fn a_stream_that_ends_without_goodbye_is_lost() {
    let in_a_message = [&HELLO[..], &[7, 1, 2]].concat();
    for said in [&[][..], &HELLO, &in_a_message] {
        watched(async {
            let (mut ours, theirs) = tokio::io::duplex(64);
            let (handle, driver) = accepted(theirs);
            ours.read_exact(&mut [0; HELLO.len()]).await.unwrap();
            ours.write_all(said).await.unwrap();
            drop(ours);
            assert_closed_silently(&driver.await.unwrap());
            assert_closed_silently(&handle.closed().await);
        });
    }
}

/// A peer that says nothing more cannot say what the protocol needs, also when it still reads.
#[test]
fn a_stream_that_is_half_closed_is_lost() {
    watched(async {
        let (mut ours, theirs) = tokio::io::duplex(64);
        let (_, driver) = accepted(theirs);
        ours.write_all(&HELLO).await.unwrap();
        ours.shutdown().await.unwrap();
        assert_closed_silently(&driver.await.unwrap());
        assert_eq!(hear(&mut ours).await.len(), 1, "Hello and the end");
    });
}

#[test]
fn a_link_that_is_closed_says_goodbye_and_ends_the_stream() {
    watched(async {
        let (mut ours, theirs) = tokio::io::duplex(64);
        let (handle, driver) = accepted(theirs);
        ours.write_all(&HELLO).await.unwrap();
        handle.ready().await.unwrap();
        handle.close("that was all");
        assert_eq!(goodbye(&hear(&mut ours).await[1]), "that was all");
        drop(ours);
        assert!(matches!(driver.await.unwrap(), CloseReason::Local(_)));
    });
}

#[test]
fn nobody_listens() {
    watched(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        drop(listener);
        let refused = tcp::connect(address, NoDispatcher, &Config::client())
            .await
            .unwrap_err();
        assert!(matches!(refused, ConnectError::Transport(_)), "{refused}");
    });
}
