//! The service `Parcels`: channel halves inside other values.

use std::collections::BTreeMap;

use roam_core::{Context, Rx, Schema, Tx, channel, service};
use serde::{Deserialize, Serialize};

/// Passes channel halves anywhere in arguments and results.
#[service]
pub trait Parcels {
    /// Reads all receivers, sends the label's length on the `u32` senders, and returns what it
    /// received.
    async fn unpack(&self, parcel: Parcel) -> Contents;
    /// Returns a parcel whose receivers yield what its senders are sent.
    async fn pack(&self) -> Parcel;
    /// Returns a stream that counts from 0.
    async fn numbers(&self, count: u32) -> Rx<u32>;
    /// Returns a sender, and a receiver that yields the sum of what was sent once it closes.
    async fn adder(&self) -> Adder;
    /// Returns a stream if it is `wanted`.
    async fn perhaps(&self, wanted: bool) -> Option<Rx<u32>>;
}

/// Channel halves in every kind of container.
#[derive(Debug, Serialize, Deserialize, Schema)]
pub struct Parcel {
    /// The parcel's name.
    pub label: String,
    /// In an option.
    pub single: Option<Rx<u32>>,
    /// In a list.
    pub many: Vec<Rx<String>>,
    /// In a map.
    pub named: BTreeMap<String, Tx<u32>>,
    /// In an enum.
    pub slots: Vec<Slot>,
}

/// Channel halves in an enum.
#[derive(Debug, Serialize, Deserialize, Schema)]
pub enum Slot {
    /// No half.
    Empty,
    /// A receiver.
    In(Rx<u32>),
    /// A sender in a struct variant.
    Out {
        /// The element to send.
        text: String,
        /// The sender.
        out: Tx<String>,
    },
    /// A receiver and a sender.
    Both(Rx<u32>, Tx<u32>),
}

/// What was received from a parcel.
#[derive(Clone, Debug, Default, Serialize, Deserialize, Schema)]
#[expect(missing_docs, reason = "the names match `Parcel`")]
pub struct Contents {
    pub single: Vec<u32>,
    pub many: Vec<Vec<String>>,
    pub slots: Vec<Vec<u32>>,
}

/// A running sum.
#[derive(Debug, Serialize, Deserialize, Schema)]
pub struct Adder {
    /// The numbers to add.
    pub numbers: Tx<u32>,
    /// Yields the sum once.
    pub sum: Rx<u64>,
}

/// The handler of [`Parcels`].
#[derive(Clone, Copy, Debug)]
pub struct ParcelsHandler;

impl Parcels for ParcelsHandler {
    async fn unpack(&self, _: &Context, parcel: Parcel) -> Contents {
        let length = u32::try_from(parcel.label.len()).unwrap_or(u32::MAX);
        for out in parcel.named.into_values() {
            // The reader may stop early.
            let _ = out.send(length).await;
        }
        let mut contents = Contents::default();
        if let Some(single) = parcel.single {
            contents.single = read_all(single).await;
        }
        for one in parcel.many {
            contents.many.push(read_all(one).await);
        }
        for slot in parcel.slots {
            contents.slots.push(unpack_slot(slot, length).await);
        }
        contents
    }

    async fn pack(&self, _: &Context) -> Parcel {
        let (named, received) = channel();
        let (text, mut texts) = channel::<String>();
        let (repeated, numbers) = channel();
        let (output, lengths) = channel();
        // Elements sent on one half come back on another.
        tokio::spawn(async move { send(repeated, read_all(received).await).await });
        tokio::spawn(async move {
            while let Ok(Some(text)) = texts.recv().await {
                let length = u32::try_from(text.len()).unwrap_or(u32::MAX);
                if output.send(length).await.is_err() {
                    return;
                }
            }
        });
        Parcel {
            label: "from Rust".to_owned(),
            single: Some(stream_of(vec![1, 2, 3])),
            many: vec![stream_of(vec!["a".to_owned()]), stream_of(Vec::new())],
            named: BTreeMap::from([("numbers".to_owned(), named)]),
            slots: vec![
                Slot::Empty,
                Slot::In(numbers),
                Slot::Out {
                    text: "lengths".to_owned(),
                    out: text,
                },
                Slot::In(lengths),
            ],
        }
    }

    async fn numbers(&self, _: &Context, count: u32) -> Rx<u32> {
        stream_of((0..count).collect())
    }

    async fn adder(&self, _: &Context) -> Adder {
        let (numbers, mut added) = channel::<u32>();
        let (result, sum) = channel();
        tokio::spawn(async move {
            let mut total = 0;
            loop {
                match added.recv().await {
                    Ok(Some(number)) => total += u64::from(number),
                    Ok(None) => break,
                    // A reset channel has no sum.
                    Err(_) => return result.reset(),
                }
            }
            let _ = result.send(total).await;
        });
        Adder { numbers, sum }
    }

    async fn perhaps(&self, _: &Context, wanted: bool) -> Option<Rx<u32>> {
        wanted.then(|| stream_of(vec![42]))
    }
}

/// Reads `stream` to its end.
async fn read_all<T: serde::de::DeserializeOwned>(mut stream: Rx<T>) -> Vec<T> {
    let mut values = Vec::new();
    while let Ok(Some(value)) = stream.recv().await {
        values.push(value);
    }
    values
}

/// Sends `values` and closes the channel.
async fn send<T: Serialize>(out: Tx<T>, values: Vec<T>) {
    for value in values {
        if out.send(value).await.is_err() {
            return;
        }
    }
}

/// Returns a stream of `values`.
fn stream_of<T: Serialize + Send + Sync + 'static>(values: Vec<T>) -> Rx<T> {
    let (out, stream) = channel();
    tokio::spawn(send(out, values));
    stream
}

/// Reads and writes the halves in `slot`.
async fn unpack_slot(slot: Slot, length: u32) -> Vec<u32> {
    match slot {
        Slot::Empty => Vec::new(),
        Slot::In(stream) => read_all(stream).await,
        Slot::Out { text, out } => {
            let _ = out.send(text).await;
            Vec::new()
        }
        Slot::Both(stream, out) => {
            let _ = out.send(length).await;
            read_all(stream).await
        }
    }
}
