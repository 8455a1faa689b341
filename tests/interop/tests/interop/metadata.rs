//! The metadata of calls.

use roam::wire::MetadataValue;
use roam_core::{CallError, Metadata};

use crate::links::Kind;
use crate::types::Value;
use crate::watch::watched;

pub fn expected() -> Vec<(String, Value)> {
    vec![
        (
            "authorization".to_owned(),
            Value::Text("bearer ☕".to_owned()),
        ),
        ("blob".to_owned(), Value::Bytes(vec![0, 1, 255])),
        ("blob".to_owned(), Value::Bytes(vec![])),
        ("attempt".to_owned(), Value::Number(u64::MAX)),
        (String::new(), Value::Text(String::new())),
    ]
}

fn ours(entries: &[(String, Value)]) -> Metadata {
    let mut metadata = Metadata::new();
    for (key, value) in entries.iter().cloned() {
        match value {
            Value::Text(text) => metadata.push(key, text),
            Value::Bytes(bytes) => metadata.push(key, bytes),
            Value::Number(number) => metadata.push(key, number),
        }
    }
    metadata
}

pub fn theirs(entries: Vec<(String, Value)>) -> roam::wire::Metadata {
    let value = |value| match value {
        Value::Text(text) => MetadataValue::String(text),
        Value::Bytes(bytes) => MetadataValue::Bytes(bytes),
        Value::Number(number) => MetadataValue::U64(number),
    };
    entries
        .into_iter()
        .map(|(key, entry)| (key, value(entry)))
        .collect()
}

/// Returns 128 entries, a key of 256 bytes, a value of 16,384 bytes, and 65,536 bytes in total.
fn at_the_limits() -> Vec<(String, Value)> {
    let mut entries = vec![
        ("k".repeat(256), Value::Bytes(vec![7; 16_384])),
        (String::new(), Value::Bytes(vec![7; 16_384])),
        (String::new(), Value::Bytes(vec![7; 16_384])),
    ];
    let remaining = 65_536 - 256 - 3 * 16_384 - 124 * 8;
    entries.extend((0..124).map(|number| (String::new(), Value::Number(number))));
    entries.push((String::new(), Value::Text("x".repeat(remaining))));
    entries
}

#[test]
fn metadata_keeps_kinds_order_and_duplicates() {
    for kind in Kind::ALL {
        watched(async {
            let link = kind.link().await;
            let received = link
                .our_client()
                .metadata()
                .metadata(ours(&expected()))
                .await;
            assert_eq!(received.unwrap(), expected());
            let received = link
                .their_client()
                .metadata()
                .with_metadata(theirs(expected()))
                .await;
            assert_eq!(received.unwrap(), expected());
        });
    }
}

#[test]
fn both_accept_metadata_at_the_limits() {
    for kind in Kind::ALL {
        watched(async {
            let link = kind.link().await;
            let entries = at_the_limits();
            let received = link.our_client().metadata().metadata(ours(&entries)).await;
            assert_eq!(received.unwrap(), entries);
            let received = link
                .their_client()
                .metadata()
                .with_metadata(theirs(entries.clone()))
                .await;
            assert_eq!(received.unwrap(), entries);
        });
    }
}

#[test]
fn oversized_metadata_is_not_sent() {
    watched(async {
        let link = Kind::WeConnectByTcp.link().await;
        let mut entries = at_the_limits();
        entries[0].0.push('k');
        let refused = link.our_client().metadata().metadata(ours(&entries)).await;
        assert!(matches!(refused, Err(CallError::Metadata(_))));
        link.assert_works().await;
    });
}
