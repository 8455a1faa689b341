//! Channel ends inside of other values.

use std::collections::BTreeMap;

use roam_core::{Context, Rx, Schema, Tx, channel, service};
use serde::{Deserialize, Serialize};

/// Channel ends anywhere in arguments and results.
#[service]
pub trait Parcels {
    /// Reads all that comes, sends the length of the label on all that goes, and tells what came.
    async fn unpack(&self, parcel: Parcel) -> Contents;
    /// Gives a parcel: what is sent into its sending ends comes back on its receiving ones.
    async fn pack(&self) -> Parcel;
    /// Gives a stream.
    async fn numbers(&self, count: u32) -> Rx<u32>;
    /// Gives an end to send into, and the sum of what comes, when that ends.
    async fn adder(&self) -> Adder;
    /// Gives a stream, if it is wanted.
    async fn perhaps(&self, wanted: bool) -> Option<Rx<u32>>;
}

/// Channel ends in places of every kind.
#[derive(Debug, Serialize, Deserialize, Schema)]
pub struct Parcel {
    /// What it is called.
    pub label: String,
    /// One, or none.
    pub single: Option<Rx<u32>>,
    /// Several.
    pub many: Vec<Rx<String>>,
    /// By name.
    pub named: BTreeMap<String, Tx<u32>>,
    /// In an enum.
    pub slots: Vec<Slot>,
}

/// Channel ends in an enum.
#[derive(Debug, Serialize, Deserialize, Schema)]
pub enum Slot {
    /// None.
    Empty,
    /// One that is read.
    In(Rx<u32>),
    /// One that is written.
    Out {
        /// Beside the end.
        text: String,
        /// The end.
        out: Tx<String>,
    },
    /// Both.
    Both(Rx<u32>, Tx<u32>),
}

/// What came out of a parcel.
#[derive(Clone, Debug, Default, Serialize, Deserialize, Schema)]
#[expect(missing_docs, reason = "the names are those of the parcel")]
pub struct Contents {
    pub single: Vec<u32>,
    pub many: Vec<Vec<String>>,
    pub slots: Vec<Vec<u32>>,
}

/// Adds up.
#[derive(Debug, Serialize, Deserialize, Schema)]
pub struct Adder {
    /// What is to be added.
    pub numbers: Tx<u32>,
    /// The sum, once.
    pub sum: Rx<u64>,
}

/// Answers [`Parcels`].
#[derive(Clone, Copy, Debug)]
pub struct Packer;

impl Parcels for Packer {
    async fn unpack(&self, _: &Context, parcel: Parcel) -> Contents {
        let length = u32::try_from(parcel.label.len()).unwrap_or(u32::MAX);
        for out in parcel.named.into_values() {
            // A reader that has enough is fine.
            let _ = out.send(length).await;
        }
        let mut contents = Contents::default();
        if let Some(single) = parcel.single {
            contents.single = all(single).await;
        }
        for one in parcel.many {
            contents.many.push(all(one).await);
        }
        for slot in parcel.slots {
            contents.slots.push(empty(slot, length).await);
        }
        contents
    }

    async fn pack(&self, _: &Context) -> Parcel {
        let (named, heard) = channel();
        let (text, mut texts) = channel::<String>();
        let (repeated, numbers) = channel();
        let (output, lengths) = channel();
        // What comes in on one end goes out on another.
        tokio::spawn(async move { send(repeated, all(heard).await).await });
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
            single: Some(flow(vec![1, 2, 3])),
            many: vec![flow(vec!["a".to_owned()]), flow(Vec::new())],
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
        flow((0..count).collect())
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
                    // What was cut has no sum.
                    Err(_) => return result.reset(),
                }
            }
            let _ = result.send(total).await;
        });
        Adder { numbers, sum }
    }

    async fn perhaps(&self, _: &Context, wanted: bool) -> Option<Rx<u32>> {
        wanted.then(|| flow(vec![42]))
    }
}

/// Reads to the end.
async fn all<T: serde::de::DeserializeOwned>(mut stream: Rx<T>) -> Vec<T> {
    let mut values = Vec::new();
    while let Ok(Some(value)) = stream.recv().await {
        values.push(value);
    }
    values
}

/// Sends all and closes.
async fn send<T: Serialize>(out: Tx<T>, values: Vec<T>) {
    for value in values {
        if out.send(value).await.is_err() {
            return;
        }
    }
}

/// A stream of these values.
fn flow<T: Serialize + Send + Sync + 'static>(values: Vec<T>) -> Rx<T> {
    let (out, stream) = channel();
    tokio::spawn(send(out, values));
    stream
}

async fn empty(slot: Slot, length: u32) -> Vec<u32> {
    match slot {
        Slot::Empty => Vec::new(),
        Slot::In(stream) => all(stream).await,
        Slot::Out { text, out } => {
            let _ = out.send(text).await;
            Vec::new()
        }
        Slot::Both(stream, out) => {
            let _ = out.send(length).await;
            all(stream).await
        }
    }
}
