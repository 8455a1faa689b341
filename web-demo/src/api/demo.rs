//! The demo service.

use roam_core::{Rx, Schema, Tx, service};
use serde::{Deserialize, Serialize};

/// The highest rate of [`Demo::measure`], in samples per second.
pub const MAX_RATE: u32 = 1_000;

/// The calls and streams a visitor can try alone.
#[service]
pub trait Demo {
    /// Answers at once. The page uses it to measure the round-trip time.
    #[roam(inline, idempotent)]
    async fn ping(&self);

    /// Calculates with 64-bit integers.
    #[roam(inline, idempotent)]
    async fn calculate(&self, left: i64, operator: Operator, right: i64) -> Result<i64, MathError>;

    /// Measures the server's own process `rate` times per second (1 to 1,000) until the caller
    /// stops the stream.
    ///
    /// While the caller does not read, samples fill the channel's window; then the server waits
    /// and measures nothing. `Page.sending` reports the progress to the caller.
    async fn measure(&self, rate: u32, samples: Tx<Sample>);

    /// Returns the SHA-256 of a stream of any length. The server holds one chunk at a time.
    async fn digest(&self, chunks: Rx<Vec<u8>>) -> Result<Digest, DigestError>;
}

/// An operation of `Demo.calculate`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Schema)]
pub enum Operator {
    /// `left + right`
    Add,
    /// `left - right`
    Subtract,
    /// `left × right`
    Multiply,
    /// `left ÷ right`, rounded toward zero
    Divide,
}

/// Why a calculation has no result.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Schema)]
pub enum MathError {
    /// The divisor is zero.
    DivisionByZero,
    /// The result does not fit in 64 bits.
    Overflow {
        /// The exact result.
        exact: i128,
    },
}

/// A measurement of the server's process.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Schema)]
#[serde(rename_all = "camelCase")]
pub struct Sample {
    /// The position in the stream, counted from 0.
    pub number: u32,
    /// When the sample was taken, in milliseconds since the start of the stream.
    pub at_ms: f64,
    /// How late the server's timer woke it for this sample, in microseconds.
    pub late_us: u32,
    /// How long the server waited for the reader before sampling, in milliseconds; 0 if not at all.
    pub waited_ms: u32,
    /// The CPU use of the process, in percent of one core.
    pub cpu: f32,
    /// The memory use of the process, in KiB.
    pub memory_kib: u32,
}

/// The digest of a stream.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Schema)]
pub struct Digest {
    /// The SHA-256 hash.
    pub sha256: [u8; 32],
    /// The length of the stream, in bytes.
    pub bytes: u64,
}

/// Why there is no digest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Schema)]
pub enum DigestError {
    /// The stream was interrupted before its end.
    Interrupted {
        /// How many bytes had been received.
        bytes: u64,
    },
}
