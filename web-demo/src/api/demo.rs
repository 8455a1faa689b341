//! What a visitor can try alone.

use roam_core::{Rx, Schema, Tx, service};
use serde::{Deserialize, Serialize};

/// How often [`Demo::measure`] measures at most, in samples a second.
pub const MAX_RATE: u32 = 1_000;

/// What a visitor can try alone.
#[service]
pub trait Demo {
    /// Answers at once. The page measures the round trip with it.
    #[roam(inline, idempotent)]
    async fn ping(&self);

    /// Calculates with whole numbers of 64 bits.
    #[roam(inline, idempotent)]
    async fn calculate(&self, left: i64, operator: Operator, right: i64) -> Result<i64, MathError>;

    /// Measures the server's own process `rate` times a second, 1 to 1,000, until the caller
    /// wants no more.
    ///
    /// When the caller does not read, the samples fill the channel's window; then the server
    /// waits and measures nothing. `Page.sending` tells the caller how that goes.
    async fn measure(&self, rate: u32, samples: Tx<Sample>);

    /// The SHA-256 of a stream of any length, of which the server holds a chunk at a time.
    async fn digest(&self, chunks: Rx<Vec<u8>>) -> Result<Digest, DigestError>;
}

/// What `Demo.calculate` does with its two numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Schema)]
pub enum Operator {
    /// `left + right`
    Add,
    /// `left - right`
    Subtract,
    /// `left × right`
    Multiply,
    /// `left ÷ right`, without the rest
    Divide,
}

/// Why a calculation has no result.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Schema)]
pub enum MathError {
    /// Nothing can be divided by zero.
    DivisionByZero,
    /// The result does not fit into 64 bits.
    Overflow {
        /// What it would be.
        exact: i128,
    },
}

/// The server's process at a moment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Schema)]
#[serde(rename_all = "camelCase")]
pub struct Sample {
    /// Counted from 0 within the stream.
    pub number: u32,
    /// When it was taken, in milliseconds since the stream began.
    pub at_ms: f64,
    /// How late the server's timer woke it for this sample, in microseconds.
    pub late_us: u32,
    /// How long the server had waited for the reader before this sample, in milliseconds; 0 when
    /// it did not have to.
    pub waited_ms: u32,
    /// The process' use of processors, in percent of one.
    pub cpu: f32,
    /// The process' memory, in KiB.
    pub memory_kib: u32,
}

/// What became of the bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Schema)]
pub struct Digest {
    /// The hash.
    pub sha256: [u8; 32],
    /// How many bytes there were.
    pub bytes: u64,
}

/// Why there is no digest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Schema)]
pub enum DigestError {
    /// The stream was cut before its end.
    Interrupted {
        /// How many bytes had come.
        bytes: u64,
    },
}
