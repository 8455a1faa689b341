//! Payloads at and over `max_payload_size`: not sent by us, and a violation when received.

use bytes::Bytes;
use roam_core::proto::{FailureKind, Message};
use roam_core::{CallError, Config, Rule};
use roam_tests::endpoint::{breaks_with, on_every_link_with};
use roam_tests::probe::{ProbeClient, method};
use roam_tests::raw::{ROOT, data, response, text};

/// The maximum payload size in these tests.
const MAX: usize = 20_000;

fn config() -> Config {
    Config::default().with_max_payload_size(20_000)
}

#[test]
fn oversized_request_is_a_violation() {
    breaks_with(&config(), Rule::PayloadLimit, async |endpoint, on| {
        let id = endpoint.call(on, "echo", &[], &text(MAX)).await;
        // The outcome adds a byte to the response, which thus exceeds the limit.
        let (metadata, _) = endpoint.peer.response(on, id).await;
        assert_eq!(
            FailureKind::from_metadata(&metadata),
            Some(FailureKind::TooLarge)
        );
        let id = endpoint.call(on, "echo", &[], &text(MAX - 1)).await;
        assert_eq!(endpoint.peer.response(on, id).await.1.len(), MAX);
        endpoint.call(on, "echo", &[], &text(MAX + 1)).await;
    });
}

#[test]
fn oversized_response_is_a_violation() {
    breaks_with(&config(), Rule::PayloadLimit, async |endpoint, on| {
        let connection = endpoint.connection(on);
        let call = tokio::spawn(ProbeClient::new(connection).fill(1).into_future());
        let request = endpoint.peer.next().await;
        assert!(matches!(
            Message::decode(&request),
            Ok(Message::Request { .. })
        ));
        endpoint
            .peer
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
fn oversized_element_is_a_violation() {
    breaks_with(&config(), Rule::PayloadLimit, async |endpoint, on| {
        let channel = endpoint.their_channel(0);
        endpoint.call(on, "take", &[channel], &[0]).await;
        assert_eq!(endpoint.events.started().await, "take");
        endpoint.peer.send(&data(on, channel, &text(MAX + 1))).await;
    });
}

#[test]
fn oversized_outgoing_request_is_not_sent() {
    on_every_link_with(&config(), async |mut endpoint| {
        let client = ProbeClient::new(endpoint.link.clone());
        let refused = client.echo(Bytes::from(vec![7; MAX])).await;
        assert!(
            matches!(refused, Err(CallError::TooLarge { len, max: MAX }) if len == MAX + 3),
            "{refused:?}"
        );
        // The next message that the peer receives is another call.
        let call = tokio::spawn(client.fill(3).into_future());
        let request = endpoint.peer.next().await;
        let Ok(Message::Request {
            request,
            method: called,
            ..
        }) = Message::decode(&request)
        else {
            panic!("{request:?}")
        };
        assert_eq!((request.0, called), (1, method("fill")));
        endpoint
            .peer
            .send(&response(ROOT, 1, &[], &[0, 1, 9]))
            .await;
        assert_eq!(call.await.unwrap().unwrap(), [9][..]);
        endpoint.still_works().await;
    });
}
