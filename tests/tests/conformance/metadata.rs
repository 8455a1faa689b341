//! Metadata at and over its limits.

use std::borrow::Cow;

use roam_core::proto::Message;
use roam_core::{CallError, ConnectionId, Metadata, MetadataError, RequestId, Rule};
use roam_tests::endpoint::{breaks, on_every_link};
use roam_tests::probe::{ProbeClient, method};
use roam_tests::raw::ROOT;

/// Returns metadata that exceeds each limit by one.
fn oversized() -> [Metadata; 4] {
    [
        (0..129).map(|n| (n.to_string(), n)).collect(),
        Metadata::new().with("k".repeat(257), 1),
        Metadata::new().with("k", vec![0; 16_385]),
        // 4 values of the maximum length, and one more byte.
        (0..4)
            .map(|_| ("", vec![0; 16_384]))
            .chain([("k", Vec::new())])
            .collect(),
    ]
}

fn request(on: ConnectionId, metadata: &Metadata) -> Message<'_> {
    Message::Request {
        connection: on,
        request: RequestId(7),
        method: method("echo"),
        metadata: Cow::Borrowed(metadata),
        channels: Cow::Borrowed(&[]),
        payload: &[1, 7],
    }
}

#[test]
fn oversized_request_metadata_is_a_violation() {
    for metadata in oversized() {
        breaks(Rule::MetadataLimits, async |endpoint, on| {
            endpoint.peer.send(&request(on, &metadata)).await;
        });
    }
}

#[test]
fn oversized_response_metadata_is_a_violation() {
    for metadata in oversized() {
        breaks(Rule::MetadataLimits, async |endpoint, on| {
            let response = Message::Response {
                connection: on,
                request: RequestId(1),
                metadata: Cow::Borrowed(&metadata),
                channels: Cow::Borrowed(&[]),
                payload: &[0],
            };
            endpoint.peer.send(&response).await;
        });
    }
}

#[test]
fn oversized_metadata_of_a_link_message_ends_the_link() {
    let request = RequestId(1);
    for metadata in &oversized() {
        let metadata = Cow::Borrowed(metadata);
        let connect = Message::Connect {
            request,
            metadata: metadata.clone(),
        };
        let accept = Message::Accept {
            request,
            connection: ConnectionId(1),
            metadata: metadata.clone(),
        };
        let reject = Message::Reject {
            request,
            reason: "no",
            metadata,
        };
        for message in [connect, accept, reject] {
            on_every_link(async |mut endpoint| {
                endpoint.peer.send(&message).await;
                endpoint.link_ends(Rule::MetadataLimits).await;
            });
        }
    }
}

#[test]
fn metadata_at_the_limits_is_accepted() {
    let (key, value) = ("k".repeat(256), vec![0; 16_384 - 256]);
    let most: Metadata = (0..4).map(|_| (key.clone(), value.clone())).collect();
    on_every_link(async |mut endpoint| {
        endpoint.peer.send(&request(ROOT, &most)).await;
        assert_eq!(endpoint.peer.response(ROOT, 7).await.1, [0, 1, 7]);
        endpoint.still_works().await;
    });
}

#[test]
fn oversized_outgoing_metadata_is_not_sent() {
    let refusals = [
        MetadataError::TooManyEntries(129),
        MetadataError::KeyTooLong(257),
        MetadataError::ValueTooLong(16_385),
        MetadataError::TooLarge(65_537),
    ];
    on_every_link(async |endpoint| {
        let client = ProbeClient::new(endpoint.link.clone());
        for (metadata, expected) in oversized().into_iter().zip(refusals) {
            let refused = client.meet().metadata(metadata).await;
            assert!(
                matches!(refused, Err(CallError::Metadata(error)) if error == expected),
                "{refused:?}"
            );
        }
        endpoint.still_works().await;
    });
}
