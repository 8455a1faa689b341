//! Metadata over its bounds.

use std::borrow::Cow;

use roam_core::proto::Message;
use roam_core::{CallError, ConnectionId, Metadata, MetadataError, RequestId, Rule};
use roam_tests::end::{breaks, on_every_link};
use roam_tests::probe::{ProbeClient, method};
use roam_tests::raw::ROOT;

/// Metadata that is over one bound each, by one.
fn too_much() -> [Metadata; 4] {
    [
        (0..129).map(|n| (n.to_string(), n)).collect(),
        Metadata::new().with("k".repeat(257), 1),
        Metadata::new().with("k", vec![0; 16_385]),
        // 4 values of the longest, and one byte.
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
fn of_a_request() {
    for metadata in too_much() {
        breaks(Rule::MetadataLimits, async |end, on| {
            end.peer.send(&request(on, &metadata)).await;
        });
    }
}

#[test]
fn of_a_response() {
    for metadata in too_much() {
        breaks(Rule::MetadataLimits, async |end, on| {
            let response = Message::Response {
                connection: on,
                request: RequestId(1),
                metadata: Cow::Borrowed(&metadata),
                channels: Cow::Borrowed(&[]),
                payload: &[0],
            };
            end.peer.send(&response).await;
        });
    }
}

#[test]
fn of_a_message_that_belongs_to_the_link() {
    let request = RequestId(1);
    for metadata in &too_much() {
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
            on_every_link(async |mut end| {
                end.peer.send(&message).await;
                end.link_ends(Rule::MetadataLimits).await;
            });
        }
    }
}

#[test]
fn just_within_its_bounds_it_passes() {
    let (key, value) = ("k".repeat(256), vec![0; 16_384 - 256]);
    let most: Metadata = (0..4).map(|_| (key.clone(), value.clone())).collect();
    on_every_link(async |mut end| {
        end.peer.send(&request(ROOT, &most)).await;
        assert_eq!(end.peer.response(ROOT, 7).await.1, [0, 1, 7]);
        end.goes_on().await;
    });
}

#[test]
fn what_we_would_send_is_refused_before_the_wire() {
    let refusals = [
        MetadataError::TooManyEntries(129),
        MetadataError::KeyTooLong(257),
        MetadataError::ValueTooLong(16_385),
        MetadataError::TooLarge,
    ];
    on_every_link(async |end| {
        let client = ProbeClient::new(end.link.clone());
        for (metadata, expected) in too_much().into_iter().zip(refusals) {
            let refused = client.meet().with_metadata(metadata).await;
            assert!(
                matches!(refused, Err(CallError::Metadata(error)) if error == expected),
                "{refused:?}"
            );
        }
        end.goes_on().await;
    });
}
