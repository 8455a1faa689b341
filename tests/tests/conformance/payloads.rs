//! Payloads at and over `max_payload_size`: refused by the sender, a violation for the receiver.

use bytes::Bytes;
use roam_core::proto::{Failure, Message};
use roam_core::{CallError, Config, Rule};
use roam_tests::end::{breaks_with, on_every_link_with};
use roam_tests::probe::{ProbeClient, method};
use roam_tests::raw::{ROOT, data, response, text};

/// The largest payload in these tests.
const MAX: usize = 20_000;

fn config() -> Config {
    Config {
        max_payload_size: 20_000,
        ..Config::default()
    }
}

#[test]
fn a_request_over_the_limit() {
    breaks_with(&config(), Rule::PayloadLimit, async |end, on| {
        let id = end.call(on, "echo", &[], &text(MAX)).await;
        // One byte of the answer says that it is no error: that is over the limit as well.
        let (metadata, _) = end.peer.response(on, id).await;
        assert_eq!(Failure::from_metadata(&metadata), Some(Failure::TooLarge));
        let id = end.call(on, "echo", &[], &text(MAX - 1)).await;
        assert_eq!(end.peer.response(on, id).await.1.len(), MAX);
        end.call(on, "echo", &[], &text(MAX + 1)).await;
    });
}

#[test]
fn a_response_over_the_limit() {
    breaks_with(&config(), Rule::PayloadLimit, async |end, on| {
        let connection = end.connection(on);
        let call = tokio::spawn(ProbeClient::new(connection).fill(1));
        let request = end.peer.next().await;
        assert!(matches!(
            Message::decode(&request),
            Ok(Message::Request { .. })
        ));
        end.peer
            .send(&response(on, 1, &[], &vec![0; MAX + 1]))
            .await;
        let failed = call.await.unwrap();
        assert!(
            matches!(failed, Err(CallError::Lost { sent: true, .. })),
            "{failed:?}"
        );
    });
}

#[test]
fn an_element_over_the_limit() {
    breaks_with(&config(), Rule::PayloadLimit, async |end, on| {
        let channel = end.theirs(0);
        end.call(on, "take", &[channel], &[0]).await;
        assert_eq!(end.events.started().await, "take");
        end.peer.send(&data(on, channel, &text(MAX + 1))).await;
    });
}

#[test]
fn what_we_would_send_over_the_limit_is_refused_before_the_wire() {
    on_every_link_with(&config(), async |mut end| {
        let client = ProbeClient::new(end.link.clone());
        let refused = client.echo(Bytes::from(vec![7; MAX])).await;
        assert!(
            matches!(refused, Err(CallError::TooLarge { len, max: MAX }) if len == MAX + 3),
            "{refused:?}"
        );
        // The next thing that the peer hears is another call.
        let call = tokio::spawn(client.fill(3));
        let request = end.peer.next().await;
        let Ok(Message::Request {
            request,
            method: called,
            ..
        }) = Message::decode(&request)
        else {
            panic!("{request:?}")
        };
        assert_eq!((request.0, called), (1, method("fill")));
        end.peer.send(&response(ROOT, 1, &[], &[0, 1, 9])).await;
        assert_eq!(call.await.unwrap().unwrap(), [9][..]);
        end.goes_on().await;
    });
}
