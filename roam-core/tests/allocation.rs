//! A length that a peer claims allocates nothing before the bytes arrive.

use std::collections::{BTreeMap, HashMap};

use allocation_counter::measure;
use bytes::Bytes;
use roam_core::proto::{CloseReason, Config, Framing, Link, Message, Role};
use roam_core::transport::memory_pair;
use roam_core::{Context, Metadata, accept, connect, service};

/// 2^40, as a varint.
const CLAIM: [u8; 6] = [0x80, 0x80, 0x80, 0x80, 0x80, 0x20];
/// The few bytes that follow the claimed length.
const REST: [u8; 8] = [1; 8];
/// Allowance for the error text.
const ALLOWANCE: u64 = 1024;

fn claim(head: &[u8]) -> Vec<u8> {
    [head, &CLAIM, &REST].concat()
}

#[test]
fn message_lengths_allocate_nothing_up_front() {
    for (what, head) in [
        ("a metadata key", &[1, 1, 1][..]),
        ("a metadata text", &[1, 1, 1, 0, 0]),
        ("metadata bytes", &[1, 1, 1, 0, 1]),
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
            taken.bytes_max < ALLOWANCE,
            "{what}: {} bytes",
            taken.bytes_max
        );
    }
}

#[test]
fn packed_frame_lengths_allocate_nothing_up_front() {
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
    assert!(taken.bytes_max < ALLOWANCE, "{} bytes", taken.bytes_max);
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
fn argument_lengths_allocate_nothing_up_front() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    let client = runtime.block_on(async {
        let (ours, theirs) = memory_pair(Framing::Packed);
        let (client, driver) = connect(ours).drive();
        tokio::spawn(driver);
        let (_, driver) = accept(theirs)
            .dispatcher(ListsDispatcher::new(Handler))
            .drive();
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
        // Everything runs on this thread; the call itself allocates some memory.
        let taken = measure(call);
        assert!(
            taken.bytes_max < 32 * ALLOWANCE,
            "{}: {} bytes",
            method.name,
            taken.bytes_max
        );
    }
}

#[test]
fn counter_sees_allocations() {
    let taken = measure(|| drop(vec![7_u8; 1 << 20]));
    assert!(taken.bytes_max >= 1 << 20);
}
