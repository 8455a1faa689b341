//! What an acceptor makes of the first bytes of a byte stream, and what an initiator makes of the answer.

use std::io::ErrorKind;
use std::time::Duration;

use roam_core::net::stream::StreamTransport;
use roam_core::proto::{Framing, PREFACE, PeerClose, Rule, Violation};
use roam_core::server::Acceptor;
use roam_core::transport::TransportError;
use roam_core::{
    CloseReason, Config, ConnectError, ConnectionHandle, NoDispatcher, accept, connect,
};
use roam_tests::testbed::{TestbedClient, TestbedDispatcher, TestbedHandler};
use roam_tests::watched;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

use crate::raw::{HELLO, accept_link, goodbye, read_messages};

const BUFFER: usize = 64 * 1024;

/// The transport of an initiator whose link survives its streams.
fn numbered(stream: DuplexStream) -> StreamTransport<DuplexStream> {
    StreamTransport::numbered(stream, &Config::client())
}

/// Receives the first frame of a stream on which a peer sends `bytes` and nothing more.
async fn receive(bytes: &[u8]) -> ConnectError {
    let (mut peer, ours) = duplex(BUFFER);
    peer.write_all(bytes).await.unwrap();
    drop(peer);
    let acceptor = Acceptor::new(Config::default());
    let received = acceptor.receive(StreamTransport::new(ours)).await;
    received.expect_err("the stream has no link")
}

fn cause<E: std::error::Error + 'static>(error: &ConnectError) -> Option<&E> {
    let ConnectError::Transport(error) = error else {
        panic!("{error}")
    };
    match error.downcast_ref() {
        Some(TransportError::Closed(close)) => (close as &dyn std::error::Error).downcast_ref(),
        _ => error.downcast_ref(),
    }
}

#[test]
fn links_of_two_given_streams_number_their_frames_if_told_to() {
    watched(async {
        let (ours, theirs) = duplex(BUFFER);
        let dispatcher = TestbedDispatcher::new(TestbedHandler);
        let accepted = accept(StreamTransport::new(theirs)).dispatcher(dispatcher);
        let (server, driver) = accepted.drive();
        tokio::spawn(driver);
        let client = connect(numbered(ours)).await.unwrap();
        let text = "x".repeat(900_000);
        let testbed = TestbedClient::new(client.clone());
        assert!(testbed.echo(text.clone()).await.unwrap() == text);
        client.close("that was all");
        assert_eq!(
            server.closed().await.to_string(),
            "closed by the peer: that was all"
        );
    });
}

/// Waits until nothing more can happen; the time is paused.
async fn expect_silence(peer: &mut DuplexStream) {
    let read = tokio::time::timeout(Duration::from_secs(1), peer.read_u8());
    read.await.expect_err("nothing was sent");
}

#[tokio::test(start_paused = true)]
async fn an_acceptor_is_silent_until_its_peer_speaks() {
    let (mut peer, theirs) = duplex(BUFFER);
    let (server, _) = accept_link(theirs);
    let calling = TestbedClient::new(server.clone()).echo("hello".to_owned());
    let calling = tokio::spawn(calling.into_future());
    expect_silence(&mut peer).await;
    // These may begin a preface.
    peer.write_all(&HELLO[..1]).await.unwrap();
    expect_silence(&mut peer).await;
    peer.write_all(&HELLO[1..]).await.unwrap();
    let mut hello = [0; HELLO.len()];
    peer.read_exact(&mut hello).await.unwrap();
    assert_eq!(hello, HELLO);
    drop(peer);
    assert!(calling.await.unwrap().is_err());
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_never_speaks_is_given_up_in_time() {
    let (mut peer, theirs) = duplex(BUFFER);
    let (server, driver) = accept_link(theirs);
    let timeout = Config::default().handshake_timeout;
    let read = tokio::time::timeout(timeout * 3 / 2, peer.read_u8()).await;
    assert_eq!(read.unwrap().unwrap_err().kind(), ErrorKind::UnexpectedEof);
    drop(peer);
    assert!(matches!(
        server.closed().await,
        CloseReason::HandshakeTimeout
    ));
    driver.await.unwrap();
    let (_peer, theirs) = duplex(BUFFER);
    let acceptor = Acceptor::new(Config::default());
    let received = acceptor.receive(StreamTransport::new(theirs)).await;
    assert!(matches!(received, Err(ConnectError::Timeout)));
}

#[test]
fn a_link_that_is_closed_before_its_peer_speaks_says_why() {
    watched(async {
        let (mut peer, theirs) = duplex(BUFFER);
        let (server, _) = accept_link(theirs);
        server.close("not now");
        peer.write_all(&HELLO).await.unwrap();
        let messages = read_messages(&mut peer).await;
        assert_eq!(goodbye(&messages[1]), "not now");
    });
}

#[test]
fn a_preface_that_is_cut_in_the_middle_is_a_cut() {
    for len in 0..PREFACE.len() {
        let error = watched(receive(&PREFACE[..len]));
        assert_eq!(cause(&error), Some(&PeerClose::ABNORMAL), "{len} bytes");
    }
}

#[test]
fn what_follows_the_preface_must_be_a_frame_with_an_attach() {
    let too_long = [&PREFACE[..], &[0x81, 0x20]].concat();
    let empty = [&PREFACE[..], &[0]].concat();
    let hello = [&PREFACE[..], &HELLO].concat();
    let future = [&PREFACE[..], &[2, 4, 9]].concat();
    for (bytes, rule) in [
        (too_long, Rule::TooLarge),
        (empty, Rule::DecodeError),
        (hello, Rule::HelloOrdering),
        (future, Rule::HelloUnknownVersion),
    ] {
        let error = watched(receive(&bytes));
        let violation = cause::<Violation>(&error);
        assert_eq!(violation.map(|it| it.rule), Some(rule), "{error}");
    }
}

/// Sends `garbage` to a link. Returns why it ended.
async fn ended_by(garbage: &[u8]) -> CloseReason {
    let (mut peer, theirs) = duplex(BUFFER);
    let (server, _) = accept_link(theirs);
    peer.write_all(garbage).await.unwrap();
    server.closed().await
}

#[test]
fn a_garbage_preface_ends_the_link() {
    let almost = [0x01, 0x06, 0x7f, b'r', b'o', b'a', b'n', 0];
    for (garbage, rule) in [
        (&b"GET / HTTP/1.1\r\n\r\n\0"[..], Rule::DecodeError),
        (&[0], Rule::DecodeError),
        (&almost, Rule::HelloUnknownVersion),
    ] {
        let reason = watched(ended_by(garbage));
        let CloseReason::Violation(violation) = &reason else {
            panic!("{reason}")
        };
        assert_eq!(violation.rule, rule, "{violation}");
    }
}

#[test]
fn a_frame_over_the_limit_ends_the_link() {
    watched(async {
        let (ours, theirs) = duplex(BUFFER);
        let config = Config::default().with_max_payload_size(1_000);
        let (server, driver) = accept(StreamTransport::new(theirs)).config(config).drive();
        tokio::spawn(driver);
        let (mut read, mut write) = tokio::io::split(ours);
        // An Attach for a new link without settings and metadata.
        let attach = [&PREFACE[..], &[5, 4, 1, 0, 0, 0]].concat();
        write.write_all(&attach).await.unwrap();
        assert!(read.read_u8().await.unwrap() > 2, "the length of Attached");
        // Two gibibytes.
        write.write_all(&[0x80, 0x80, 0x80, 0x80, 8]).await.unwrap();
        let CloseReason::Violation(violation) = server.closed().await else {
            panic!("a violation")
        };
        assert_eq!(violation.rule, Rule::TooLarge);
    });
}

/// Connects by a stream of which there is only one to a peer that speaks version 2. Returns why it failed.
async fn connect_to_version_2(answer: &[u8]) -> (ConnectError, ConnectionHandle) {
    let (ours, mut peer) = duplex(BUFFER);
    peer.write_all(answer).await.unwrap();
    let (link, driver) = connect(numbered(ours)).dispatcher(NoDispatcher).drive();
    tokio::spawn(driver);
    (link.ready().await.unwrap_err(), link)
}

#[test]
fn a_given_stream_to_a_peer_of_version_2_says_so() {
    let goodbye = [2, 4, 4, b'h', b'm', b'm'];
    for answer in [&HELLO[..], &HELLO[..1], &goodbye] {
        let (error, link) = watched(connect_to_version_2(answer));
        let ConnectError::Closed(CloseReason::Lost(cause)) = &error else {
            panic!("{error}")
        };
        let only_version_2 = matches!(cause.downcast_ref(), Some(TransportError::OnlyVersion2));
        assert!(only_version_2, "{error}");
        drop(link);
    }
}

#[test]
fn the_framing_of_a_stream_is_known_once_its_peer_has_spoken() {
    watched(async {
        use roam_core::transport::Transport;

        for (bytes, framing) in [(&HELLO[..], Framing::Cobs), (&PREFACE, Framing::Numbered)] {
            let (mut peer, ours) = duplex(BUFFER);
            let mut transport = StreamTransport::new(ours);
            assert_eq!(transport.framing(), Framing::Cobs);
            transport.on_accepted(&Config::default());
            assert_eq!(transport.framing(), Framing::Numbered);
            peer.write_all(bytes).await.unwrap();
            drop(peer);
            while std::future::poll_fn(|cx| transport.poll_receive(cx))
                .await
                .is_ok()
            {}
            // What the peer has said counts.
            transport.on_accepted(&Config::default());
            assert_eq!(transport.framing(), framing);
        }
    });
}
