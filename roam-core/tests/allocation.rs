//! A length that a peer claims takes no memory before the bytes are there.

use std::collections::{BTreeMap, HashMap};

use allocation_counter::measure;
use bytes::Bytes;
use roam_core::proto::{CloseReason, Config, Framing, Link, Message, Role};
use roam_core::transport::memory_pair;
use roam_core::{Context, Metadata, NoDispatcher, accept, connect, service};

/// 2^40, as a varint.
const CLAIM: [u8; 6] = [0x80, 0x80, 0x80, 0x80, 0x80, 0x20];
/// A few bytes that follow.
const REST: [u8; 8] = [1; 8];
/// For the words in which it is refused.
const LITTLE: u64 = 1024;

fn claim(head: &[u8]) -> Vec<u8> {
    [head, &CLAIM, &REST].concat()
}

#[test]
fn no_length_in_a_message_is_believed() {
    for (what, head) in [
        ("the key of metadata", &[1, 1, 1][..]),
        ("text in metadata", &[1, 1, 1, 0, 0]),
        ("bytes in metadata", &[1, 1, 1, 0, 1]),
        ("the reason of a Reject", &[3, 1]),
        ("the reason of a Goodbye", &[4, 1]),
        ("the metadata of a Request", &[5, 0, 1, 42]),
        ("the channels of a Request", &[5, 0, 1, 42, 0]),
        ("the payload of a Request", &[5, 0, 1, 42, 0, 0]),
        ("the channels of a Response", &[6, 0, 1, 0]),
        ("the payload of a Response", &[6, 0, 1, 0, 0]),
        ("the payload of Data", &[8, 0, 1]),
    ] {
        let message = claim(head);
        let taken = measure(|| assert!(Message::decode(&message).is_err(), "{what}"));
        assert!(
            taken.bytes_max < LITTLE,
            "{what}: {} bytes",
            taken.bytes_max
        );
    }
}

#[test]
fn no_length_in_a_packed_frame_is_believed() {
    let machine = |role| {
        Link::new(
            role,
            Framing::Packed,
            &Config::default(),
            std::time::Duration::ZERO,
        )
    };
    let (mut server, mut client) = (machine(Role::Acceptor), machine(Role::Initiator));
    server.handle_frame(&client.poll_transmit().unwrap());
    let frame = Bytes::from(claim(&[]));
    let taken = measure(|| server.handle_frame(&frame));
    assert!(matches!(
        server.close_reason(),
        Some(CloseReason::Violation(_))
    ));
    assert!(taken.bytes_max < LITTLE, "{} bytes", taken.bytes_max);
}

#[service]
trait Lists {
    async fn bytes(&self, list: Vec<u8>);
    async fn text(&self, list: String);
    async fn numbers(&self, list: Vec<u64>);
    async fn hash_map(&self, list: HashMap<u64, u64>);
    async fn tree_map(&self, list: BTreeMap<u64, String>);
    async fn nested(&self, list: Vec<Vec<[u64; 32]>>);
}

struct Handler;

impl Lists for Handler {
    async fn bytes(&self, _: &Context, _: Vec<u8>) {}
    async fn text(&self, _: &Context, _: String) {}
    async fn numbers(&self, _: &Context, _: Vec<u64>) {}
    async fn hash_map(&self, _: &Context, _: HashMap<u64, u64>) {}
    async fn tree_map(&self, _: &Context, _: BTreeMap<u64, String>) {}
    async fn nested(&self, _: &Context, _: Vec<Vec<[u64; 32]>>) {}
}

#[test]
fn no_length_in_arguments_is_believed() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    let client = runtime.block_on(async {
        let (ours, theirs) = memory_pair(Framing::Packed);
        let (client, driver) = connect(ours, NoDispatcher, &Config::client());
        tokio::spawn(driver);
        let (_, driver) = accept(theirs, ListsDispatcher::new(Handler), &Config::default());
        tokio::spawn(driver);
        client.ready().await.unwrap();
        client
    });
    for method in &lists_service().methods {
        let payload = claim(&[]);
        let call = || {
            let call = client.call_raw(method.id, &Metadata::new(), &payload, &[]);
            let answer = runtime.block_on(call.unwrap().0).unwrap();
            assert_eq!(
                answer.payload[..],
                [1, 2],
                "{}: InvalidPayload",
                method.name
            );
        };
        // All that happens does so on this thread; a call as a whole takes some memory.
        let taken = measure(call);
        assert!(
            taken.bytes_max < 32 * LITTLE,
            "{}: {} bytes",
            method.name,
            taken.bytes_max
        );
    }
}

#[test]
fn what_is_allocated_is_counted() {
    let taken = measure(|| drop(vec![7_u8; 1 << 20]));
    assert!(taken.bytes_max >= 1 << 20);
}
