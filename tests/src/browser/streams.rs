//! The service `Streams`: channels in both directions.

use roam_core::{Context, Rx, Schema, Tx, channel, service};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::notifier::NotifierClient;
use super::watch::Watched;
use crate::testbed::MathError;

/// Streams in both directions.
#[service]
pub trait Streams {
    /// Sends up to `count` numbers, counting from 0, and returns how many it sent.
    async fn count(&self, count: u32, out: Tx<u32>) -> u32;
    /// Counts from 0 until the reader stops.
    async fn count_on(&self, key: String, out: Tx<u32>);
    /// Sends one number, and then nothing, for ever.
    async fn fall_silent(&self, key: String, out: Tx<u32>) -> u32;
    /// Sends `count` numbers, then fails.
    async fn count_and_fail(&self, count: u32, out: Tx<u32>) -> Result<u32, MathError>;
    /// Sends `count` numbers and resets the stream, although the call succeeds.
    async fn count_and_cut(&self, count: u32, out: Tx<u32>);
    /// Sends blocks of `size` bytes until the reader stops.
    async fn pour(&self, key: String, size: u32, out: Tx<Vec<u8>>);
    /// Counts `numbers` and checks that they count from 0.
    async fn tally(&self, numbers: Rx<u32>) -> Tally;
    /// Reads nothing until it is released, then everything. Returns the number of bytes.
    async fn hesitate(&self, key: String, chunks: Rx<Vec<u8>>) -> u64;
    /// Reads up to `count` numbers, drops the stream and returns their sum.
    async fn sip(&self, count: u32, numbers: Rx<u32>) -> u32;
    /// Reads until the stream ends and returns whether it was closed.
    async fn drain(&self, key: String, numbers: Rx<u32>) -> bool;
    /// Reverses each string.
    async fn transform(&self, input: Rx<String>, output: Tx<String>);
    /// Returns the SHA-256 hash of a stream.
    async fn digest(&self, chunks: Rx<Vec<u8>>) -> Digest;
    /// Reverses words by calling `Notifier.reverse` of the caller.
    async fn reverse_back(&self, words: Vec<String>) -> Vec<String>;
}

/// The result of `Streams.tally`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Schema)]
pub struct Tally {
    /// How many numbers were received.
    pub count: u32,
    /// Whether they counted up from 0.
    pub in_order: bool,
}

/// The hash and size of a stream.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Schema)]
pub struct Digest {
    /// The SHA-256 hash.
    pub sha256: [u8; 32],
    /// The number of bytes.
    pub bytes: u64,
    /// The length of the longest element.
    pub longest: u32,
}

/// The handler of [`Streams`].
#[derive(Clone, Debug)]
pub struct StreamsHandler {
    /// Tracks the handlers that have a key.
    pub watched: Watched,
}

impl Streams for StreamsHandler {
    async fn count(&self, _: &Context, count: u32, out: Tx<u32>) -> u32 {
        send_all(&out, count).await
    }

    async fn count_on(&self, _: &Context, key: String, out: Tx<u32>) {
        let running = self.watched.run(&key);
        for number in 0.. {
            if running.sending(out.send(number)).await.is_err() {
                return running.finish();
            }
        }
    }

    async fn fall_silent(&self, _: &Context, key: String, out: Tx<u32>) -> u32 {
        let running = self.watched.run(&key);
        // Nobody reads it if the call is given up at once.
        let _ = out.send(0).await;
        running.released().await;
        running.finish();
        1
    }

    async fn count_and_fail(
        &self,
        _: &Context,
        count: u32,
        out: Tx<u32>,
    ) -> Result<u32, MathError> {
        send_all(&out, count).await;
        Err(MathError::Overflow)
    }

    async fn count_and_cut(&self, _: &Context, count: u32, out: Tx<u32>) {
        send_all(&out, count).await;
        out.reset();
    }

    async fn pour(&self, _: &Context, key: String, size: u32, out: Tx<Vec<u8>>) {
        let running = self.watched.run(&key);
        let block = vec![7; size as usize];
        while running.sending(out.send(&block)).await.is_ok() {}
        running.finish();
    }

    async fn tally(&self, _: &Context, mut numbers: Rx<u32>) -> Tally {
        let mut tally = Tally {
            count: 0,
            in_order: true,
        };
        while let Ok(Some(number)) = numbers.recv().await {
            tally.in_order &= number == tally.count;
            tally.count += 1;
        }
        tally
    }

    async fn hesitate(&self, _: &Context, key: String, mut chunks: Rx<Vec<u8>>) -> u64 {
        let running = self.watched.run(&key);
        running.released().await;
        let mut bytes = 0;
        while let Ok(Some(chunk)) = chunks.recv().await {
            bytes += chunk.len() as u64;
        }
        running.finish();
        bytes
    }

    async fn sip(&self, _: &Context, count: u32, mut numbers: Rx<u32>) -> u32 {
        let mut sum = 0;
        for _ in 0..count {
            let Ok(Some(number)) = numbers.recv().await else {
                break;
            };
            sum += number;
        }
        sum
    }

    async fn drain(&self, _: &Context, key: String, mut numbers: Rx<u32>) -> bool {
        let running = self.watched.run(&key);
        let clean = loop {
            match numbers.recv().await {
                Ok(Some(_)) => {}
                end => break end.is_ok(),
            }
        };
        if clean {
            running.finish();
        }
        clean
    }

    async fn transform(&self, _: &Context, mut input: Rx<String>, output: Tx<String>) {
        while let Ok(Some(text)) = input.recv().await {
            if output
                .send(text.chars().rev().collect::<String>())
                .await
                .is_err()
            {
                return;
            }
        }
    }

    async fn digest(&self, _: &Context, mut chunks: Rx<Vec<u8>>) -> Digest {
        let mut hash = Sha256::new();
        let (mut bytes, mut longest) = (0, 0);
        while let Ok(Some(chunk)) = chunks.recv().await {
            hash.update(&chunk);
            bytes += chunk.len() as u64;
            longest = longest.max(chunk.len());
        }
        let longest = u32::try_from(longest).unwrap_or(u32::MAX);
        Digest {
            sha256: hash.finalize().into(),
            bytes,
            longest,
        }
    }

    async fn reverse_back(&self, cx: &Context, words: Vec<String>) -> Vec<String> {
        let page = NotifierClient::new(cx.connection().clone());
        let (tx, words_rx) = channel();
        let (reversed_tx, mut reversed) = channel();
        let sending = async {
            for word in words {
                // The result shows what is missing.
                let _ = tx.send(word).await;
            }
            tx.close();
        };
        let receiving = async {
            let mut all = Vec::new();
            while let Ok(Some(word)) = reversed.recv().await {
                all.push(word);
            }
            all
        };
        let (count, (), all) =
            tokio::join!(page.reverse(words_rx, reversed_tx), sending, receiving);
        if count.is_ok_and(|count| count as usize == all.len()) {
            all
        } else {
            Vec::new()
        }
    }
}

/// Counts from 0 until `count` or until the reader stops. Returns how many numbers were sent.
async fn send_all(out: &Tx<u32>, count: u32) -> u32 {
    for number in 0..count {
        if out.send(number).await.is_err() {
            return number;
        }
    }
    count
}
