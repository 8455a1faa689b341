//! Streams of items and bytes.

use std::time::Instant;

use bytes::Bytes;

use crate::contender::{Client, Contender, Limits, Result};

use super::{Local, Scale};

const CHUNK: usize = 64 * 1024;

/// Measures numbers per second from the server.
pub async fn items<C: Contender>(scale: Scale) -> Result<Vec<f64>> {
    let server = Local::start::<C>(Limits::Default).await?;
    let client = C::connect(server.address, Limits::Default).await?;
    client.numbers(scale.of(10_000) as u64).await?;
    let count = scale.of(1_000_000) as u64;
    let start = Instant::now();
    expect(client.numbers(count).await?, count)?;
    Ok(vec![count as f64 / start.elapsed().as_secs_f64()])
}

/// Measures megabytes per second to the server.
pub async fn upload<C: Contender>(scale: Scale) -> Result<Vec<f64>> {
    let server = Local::start::<C>(Limits::Raised).await?;
    let client = C::connect(server.address, Limits::Raised).await?;
    let chunk = Bytes::from(vec![b'x'; CHUNK]);
    client.upload(chunk.clone(), scale.of(100)).await?;
    let count = scale.of(8 * 1024);
    let start = Instant::now();
    let received = client.upload(chunk, count).await?;
    megabytes(received, count, start)
}

/// Measures megabytes per second to the server on a byte stream.
pub async fn upload_bytes<C: Contender>(scale: Scale) -> Result<Vec<f64>> {
    let server = Local::start::<C>(Limits::Default).await?;
    let client = C::connect(server.address, Limits::Default).await?;
    client.upload_bytes((scale.of(100) * CHUNK) as u64).await?;
    let count = scale.of(8 * 1024);
    let start = Instant::now();
    let received = client.upload_bytes((count * CHUNK) as u64).await?;
    megabytes(received, count, start)
}

fn megabytes(received: u64, chunks: usize, start: Instant) -> Result<Vec<f64>> {
    let seconds = start.elapsed().as_secs_f64();
    expect(received, (chunks * CHUNK) as u64)?;
    Ok(vec![received as f64 / 1e6 / seconds])
}

fn expect(received: u64, sent: u64) -> Result<()> {
    if received == sent {
        return Ok(());
    }
    Err(format!("received {received} of {sent}").into())
}
