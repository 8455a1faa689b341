//! An element is encoded once, however long it waits.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};

use futures::Sink;
use roam_core::{Tx, channel};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::super::harness::poll_now;

runs! {
    blocked_send_encodes_its_element_once
    blocked_sink_encodes_its_element_once
}

/// An element of 10 kB that counts how often it is encoded.
#[derive(Clone, Debug, Default)]
struct Counted(Arc<AtomicUsize>);

impl Counted {
    fn encodings(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

impl Serialize for Counted {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.fetch_add(1, Ordering::Relaxed);
        vec![0_u8; 10_000].serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Counted {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Vec::<u8>::deserialize(deserializer).map(|_| Self::default())
    }
}

/// Sends until the window is full.
fn fill(tx: &Tx<Counted>) {
    while let Poll::Ready(sent) = poll_now(tx.send(Counted::default())) {
        sent.unwrap();
    }
}

async fn blocked_send_encodes_its_element_once() {
    let (tx, mut rx) = channel::<Counted>();
    fill(&tx);
    let element = Counted::default();
    let mut send = Box::pin(tx.send(&element));
    for _ in 0..3 {
        assert!(poll_now(&mut send).is_pending());
    }
    while poll_now(&mut send).is_pending() {
        rx.recv().await.unwrap();
    }
    assert_eq!(element.encodings(), 1);
}

async fn blocked_sink_encodes_its_element_once() {
    let (mut tx, mut rx) = channel::<Counted>();
    fill(&tx);
    let element = Counted::default();
    Pin::new(&mut tx).start_send(element.clone()).unwrap();
    let mut flush = || Pin::new(&mut tx).poll_flush(&mut Context::from_waker(Waker::noop()));
    for _ in 0..3 {
        assert!(flush().is_pending());
    }
    while flush().is_pending() {
        rx.recv().await.unwrap();
    }
    assert_eq!(element.encodings(), 1);
}
