//! Channel halves anywhere in arguments and results.

use std::collections::BTreeMap;

use roam_core::{Context, NoDispatcher, Rx, Schema, Tx, channel, rt, service};
use serde::{Deserialize, Serialize};

use super::harness::{link, until_idle};

runs! {
    halves_can_stand_anywhere_in_arguments
    halves_can_stand_anywhere_in_results
}

type Maybe = (Option<Tx<u32>>, Option<Rx<u32>>, Option<Tx<u32>>);
type Ends = (Rx<u32>, u16, Tx<u32>);

/// Senders and receivers in every place that serde reaches.
#[derive(Debug, Serialize, Deserialize, Schema)]
struct Places {
    before: String,
    tx: Tx<u32>,
    rx: Rx<u32>,
    maybe: Maybe,
    list: Vec<Tx<u32>>,
    map: BTreeMap<u8, Ends>,
    array: [Rx<u32>; 2],
    boxed: Box<Inner>,
    variants: Vec<Variant>,
}

#[derive(Debug, Serialize, Deserialize, Schema)]
struct Inner(Tx<u32>, bool);

#[derive(Debug, Serialize, Deserialize, Schema)]
enum Variant {
    Nothing,
    One(Tx<u32>),
    Second(u8, Rx<u32>, Tx<u32>),
    Named {
        number: u32,
        rx: Rx<u32>,
        tx: Tx<u32>,
    },
}

/// The other halves of the placed channels, in the order of serialization.
#[derive(Default)]
struct Others {
    to_placed_txs: Vec<Rx<u32>>,
    to_placed_rxs: Vec<Tx<u32>>,
}

impl Others {
    fn tx(&mut self) -> Tx<u32> {
        let (tx, rx) = channel();
        self.to_placed_txs.push(rx);
        tx
    }

    fn rx(&mut self) -> Rx<u32> {
        let (tx, rx) = channel();
        self.to_placed_rxs.push(tx);
        rx
    }
}

fn places() -> (Places, Others) {
    let mut others = Others::default();
    let o = &mut others;
    let places = Places {
        before: "a string".into(),
        tx: o.tx(),
        rx: o.rx(),
        maybe: (Some(o.tx()), Some(o.rx()), None),
        list: vec![o.tx(), o.tx()],
        map: [(3, (o.rx(), 7, o.tx())), (9, (o.rx(), 8, o.tx()))].into(),
        array: [o.rx(), o.rx()],
        boxed: Box::new(Inner(o.tx(), true)),
        variants: vec![
            Variant::Nothing,
            Variant::One(o.tx()),
            Variant::Second(1, o.rx(), o.tx()),
            Variant::Named {
                number: 300,
                rx: o.rx(),
                tx: o.tx(),
            },
        ],
    };
    (places, others)
}

impl Places {
    fn take_apart(self) -> (Vec<Tx<u32>>, Vec<Rx<u32>>) {
        let (mut txs, mut rxs) = (vec![self.tx], vec![self.rx]);
        txs.extend(self.maybe.0);
        rxs.extend(self.maybe.1);
        assert!(self.maybe.2.is_none());
        txs.extend(self.list);
        for (rx, _, tx) in self.map.into_values() {
            rxs.push(rx);
            txs.push(tx);
        }
        rxs.extend(self.array);
        txs.push(self.boxed.0);
        for variant in self.variants {
            match variant {
                Variant::Nothing => {}
                Variant::One(tx) => txs.push(tx),
                Variant::Second(1, rx, tx)
                | Variant::Named {
                    number: 300,
                    rx,
                    tx,
                } => {
                    txs.push(tx);
                    rxs.push(rx);
                }
                other => panic!("{other:?}"),
            }
        }
        (txs, rxs)
    }
}

/// Sends each channel's position on it.
async fn send_positions(txs: Vec<Tx<u32>>) {
    for (position, tx) in (0..).zip(txs) {
        tx.send(position).await.unwrap();
    }
}

/// Expects its position on each channel, followed by a clean end.
async fn expect_positions(rxs: Vec<Rx<u32>>) {
    for (position, mut rx) in (0..).zip(rxs) {
        assert_eq!(rx.recv().await.unwrap(), Some(position));
        assert_eq!(rx.recv().await.unwrap(), None);
    }
}

#[service]
trait Placing {
    async fn take(&self, places: Places, and: Tx<u32>);
    async fn give(&self) -> Places;
    async fn give_failing(&self) -> Result<Places, String>;
}

struct Handler;

impl Placing for Handler {
    async fn take(&self, _: &Context, places: Places, and: Tx<u32>) {
        let (txs, rxs) = places.take_apart();
        send_positions(txs).await;
        expect_positions(rxs).await;
        and.send(99).await.unwrap();
    }

    async fn give(&self, _: &Context) -> Places {
        let (places, others) = places();
        rt::spawn(async move {
            send_positions(others.to_placed_rxs).await;
            expect_positions(others.to_placed_txs).await;
        });
        places
    }

    async fn give_failing(&self, cx: &Context) -> Result<Places, String> {
        Ok(self.give(cx).await)
    }
}

async fn halves_can_stand_anywhere_in_arguments() {
    let (client, server) = link(NoDispatcher, PlacingDispatcher::new(Handler));
    let (places, others) = places();
    let (and, mut end) = channel();
    let placing = PlacingClient::new(client.clone());
    let call = async { placing.take(places, and).await.unwrap() };
    let other = async {
        expect_positions(others.to_placed_txs).await;
        send_positions(others.to_placed_rxs).await;
        assert_eq!(end.recv().await.unwrap(), Some(99));
        assert_eq!(end.recv().await.unwrap(), None);
    };
    futures::future::join(call, other).await;
    until_idle(&client).await;
    until_idle(&server).await;
}

async fn halves_can_stand_anywhere_in_results() {
    let (client, server) = link(NoDispatcher, PlacingDispatcher::new(Handler));
    let placing = PlacingClient::new(client.clone());
    for places in [
        placing.give().await.unwrap(),
        placing.give_failing().await.unwrap(),
    ] {
        let (txs, rxs) = places.take_apart();
        expect_positions(rxs).await;
        send_positions(txs).await;
    }
    until_idle(&client).await;
    until_idle(&server).await;
}
