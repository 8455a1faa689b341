//! Byte streams that violate the framing.

use roam_core::CloseReason;
use roam_core::proto::{FRAME_OVERHEAD, Rule};
use roam_tests::watched;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::raw::{HELLO, accept_link, goodbye, read_messages};

/// Sends `input` to a link and returns why it ended and its Goodbye.
async fn answer_to(input: &[u8]) -> (CloseReason, String) {
    let (mut ours, theirs) = tokio::io::duplex(64 * 1024);
    let (_, driver) = accept_link(theirs);
    // Fails if the link ends before it has read everything.
    let _ = ours.write_all(input).await;
    let messages = read_messages(&mut ours).await;
    assert_eq!(messages.len(), 2, "expected Hello and Goodbye");
    drop(ours);
    (driver.await.unwrap(), goodbye(&messages[1]).to_owned())
}

fn assert_violation(input: &[u8], rule: Rule) {
    let (reason, goodbye) = watched(answer_to(input));
    let CloseReason::Violation(violation) = reason else {
        panic!("{reason}")
    };
    assert_eq!(violation.rule, rule);
    assert_eq!(goodbye, violation.to_string());
    assert!(goodbye.starts_with(rule.id()));
}

#[test]
fn hello_is_encoded_as_specified() {
    watched(async {
        let (mut ours, theirs) = tokio::io::duplex(64);
        let (handle, _) = accept_link(theirs);
        ours.write_all(&HELLO).await.unwrap();
        handle.ready().await.unwrap();
        let mut hello = [0; HELLO.len()];
        ours.read_exact(&mut hello).await.unwrap();
        assert_eq!(hello, HELLO);
    });
}

#[test]
fn bad_cobs_is_a_decode_error() {
    for bad in [&[0][..], &[5, 1, 2, 0, 1, 1, 0], &[2, 0]] {
        assert_violation(bad, Rule::DecodeError);
        assert_violation(&[&HELLO, bad].concat(), Rule::DecodeError);
    }
}

#[test]
fn unterminated_message_is_too_large() {
    let endless = [1; 4 * 1024 + 2];
    assert_violation(&endless, Rule::TooLarge);
    let endless = vec![1; (1 << 20) + FRAME_OVERHEAD + 2];
    assert_violation(&[&HELLO, &endless[..]].concat(), Rule::TooLarge);
}

/// Closing a socket with unread data resets it, which would discard the Goodbye.
#[test]
fn goodbye_reaches_a_peer_that_keeps_sending() {
    watched(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut ours = TcpStream::connect(listener.local_addr().unwrap())
            .await
            .unwrap();
        let (_, driver) = accept_link(listener.accept().await.unwrap().0);
        let input = vec![0; 8 << 20];
        ours.write_all(&input).await.unwrap();
        let messages = read_messages(&mut ours).await;
        assert_eq!(goodbye(&messages[1]), "message.decode-error: empty message");
        drop(ours);
        assert!(matches!(driver.await.unwrap(), CloseReason::Violation(_)));
    });
}
