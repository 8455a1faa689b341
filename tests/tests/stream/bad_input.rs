//! What is no byte stream of messages.

use roam_core::CloseReason;
use roam_core::proto::{FRAME_OVERHEAD, Rule};
use roam_tests::watched;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::raw::{HELLO, accepted, goodbye, hear};

/// What ends a link of ours that hears `input`, and the Goodbye that it says.
async fn answer_to(input: &[u8]) -> (CloseReason, String) {
    let (mut ours, theirs) = tokio::io::duplex(64 * 1024);
    let (_, driver) = accepted(theirs);
    // Fails when the link ends before all is heard.
    let _ = ours.write_all(input).await;
    let heard = hear(&mut ours).await;
    assert_eq!(heard.len(), 2, "Hello and Goodbye");
    drop(ours);
    (driver.await.unwrap(), goodbye(&heard[1]).to_owned())
}

fn assert_broken(input: &[u8], rule: Rule) {
    let (reason, goodbye) = watched(answer_to(input));
    let CloseReason::Violation(violation) = reason else {
        panic!("{reason}")
    };
    assert_eq!(violation.rule, rule);
    assert_eq!(goodbye, violation.to_string());
    assert!(goodbye.starts_with(rule.id()));
}

#[test]
fn hello_stands_as_the_protocol_says() {
    watched(async {
        let (mut ours, theirs) = tokio::io::duplex(64);
        let (handle, _) = accepted(theirs);
        let mut hello = [0; HELLO.len()];
        ours.read_exact(&mut hello).await.unwrap();
        assert_eq!(hello, HELLO);
        ours.write_all(&HELLO).await.unwrap();
        handle.ready().await.unwrap();
    });
}

#[test]
fn bad_cobs_is_a_decode_error() {
    for bad in [&[0][..], &[5, 1, 2, 0, 1, 1, 0], &[2, 0]] {
        assert_broken(bad, Rule::DecodeError);
        assert_broken(&[&HELLO, bad].concat(), Rule::DecodeError);
    }
}

#[test]
fn a_message_that_does_not_end_is_too_large() {
    let endless = [1; 4 * 1024 + 2];
    assert_broken(&endless, Rule::TooLarge);
    let endless = vec![1; (1 << 20) + FRAME_OVERHEAD + 2];
    assert_broken(&[&HELLO, &endless[..]].concat(), Rule::TooLarge);
}

/// A socket that is closed with something unread in it is reset, and takes the Goodbye with it.
#[test]
fn the_goodbye_arrives_though_the_peer_goes_on_talking() {
    watched(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut ours = TcpStream::connect(listener.local_addr().unwrap())
            .await
            .unwrap();
        let (_, driver) = accepted(listener.accept().await.unwrap().0);
        let talk = vec![0; 8 << 20];
        ours.write_all(&talk).await.unwrap();
        let heard = hear(&mut ours).await;
        assert_eq!(goodbye(&heard[1]), "message.decode-error: empty message");
        drop(ours);
        assert!(matches!(driver.await.unwrap(), CloseReason::Violation(_)));
    });
}
