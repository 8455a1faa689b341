//! Memory that links share: what each counts, and what happens while too much is in use.

use std::sync::Arc;

use roam_proto::{Config, FailureKind, Framing, SharedMemory};

use super::harness::*;

fn pair(memory: &Arc<SharedMemory>) -> Pair {
    let config = Config::default().with_memory(Arc::clone(memory));
    Pair::with(Framing::Numbered, &Config::client(), &config)
}

#[test]
fn what_links_hold_is_counted_together_and_given_back() {
    let memory = Arc::new(SharedMemory::new(1 << 30));
    let mut pairs = [pair(&memory), pair(&memory)];
    for pair in &mut pairs {
        let (_, channel) = pair.upload();
        let mut send = || {
            pair.client
                .link
                .sender(ROOT, channel)
                .send(vec![0; 100_000].as_slice())
        };
        send().unwrap();
        send().unwrap();
        pair.settle();
        assert!(pair.server.link.stats().memory >= 200_000);
    }
    // Bytes of elements count twice.
    assert!(
        (800_000..900_000).contains(&memory.used()),
        "{}",
        memory.used()
    );
    let [first, second] = pairs;
    drop(first);
    assert!(
        (400_000..450_000).contains(&memory.used()),
        "{}",
        memory.used()
    );
    drop(second);
    assert_eq!(memory.used(), 0);
}

#[test]
fn read_elements_are_no_longer_counted() {
    let memory = Arc::new(SharedMemory::new(1 << 30));
    let mut pair = pair(&memory);
    let (_, channel) = pair.upload();
    (pair.client.link.sender(ROOT, channel))
        .send(vec![0; 200_000].as_slice())
        .unwrap();
    pair.settle();
    assert!(memory.used() > 400_000);
    pair.server.read(channel);
    pair.settle();
    assert!(memory.used() < 32_000, "{}", memory.used());
}

#[test]
fn new_calls_are_busy_while_too_much_is_used_and_old_ones_go_on() {
    let memory = Arc::new(SharedMemory::new(300_000));
    let (mut greedy, mut modest) = (pair(&memory), pair(&memory));
    let (request, _) = modest.upload();
    let (_, channel) = greedy.upload();
    (greedy.client.link.sender(ROOT, channel))
        .send(vec![0; 200_000].as_slice())
        .unwrap();
    greedy.settle();
    assert!(memory.is_exceeded());
    modest
        .client
        .link
        .calls(ROOT)
        .request(METHOD, NONE, &[], &[])
        .unwrap();
    modest.settle();
    let busy = modest.client.response();
    assert_eq!(
        FailureKind::from_metadata(&busy.metadata),
        Some(FailureKind::Busy)
    );
    modest.server.answer(&request, OK);
    modest.settle();
    assert_eq!(modest.client.response().payload[..], *OK);
    greedy.server.read(channel);
    greedy.settle();
    modest.call(&[], &[]);
}
