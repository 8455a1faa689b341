//! Calls beside streams that send as fast as they can, on the same link.

use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::contender::{Client, Contender, Error, Limits, Result, expect_echo};
use crate::figures::{micros, percentile};

use super::{Local, Scale};

const SMALL: Bytes = Bytes::from_static(&[b'x'; 16]);
const CHUNK: usize = 64 * 1024;
/// Chunks in an upload: 1 GiB.
const CHUNKS: usize = 16 * 1024;
/// Between two calls. A caller without a pause would take the processor from the streams.
const PAUSE: Duration = Duration::from_millis(1);
/// How long calls are made alone, and beside the streams.
const DURATION: Duration = Duration::from_secs(4);

/// Measures the median and the 99th percentile of calls alone and beside uploads, and the rate of uploads beside calls, in parts
/// of their rate alone.
pub async fn upload<C: Contender>(scale: Scale) -> Result<Vec<f64>> {
    let server = Local::start::<C>(Limits::Default).await?;
    let client = C::connect(server.address, Limits::Default).await?;
    let alone = calls_beside(&client, scale, None).await?;
    let chunk = Bytes::from(vec![b'x'; CHUNK]);
    let rate_alone = upload_once(&client, &chunk, scale).await?;
    let uploads = {
        let client = client.clone();
        tokio::spawn(async move {
            let mut rates = Vec::new();
            let start = Instant::now();
            while rates.is_empty() || (scale == Scale::Full && start.elapsed() < DURATION) {
                rates.push(upload_once(&client, &chunk, scale).await?);
            }
            Ok::<_, Error>(rates.iter().sum::<f64>() / rates.len() as f64)
        })
    };
    let beside = calls_beside(&client, scale, Some(&|| uploads.is_finished())).await?;
    let rate = uploads.await??;
    Ok([&alone[..], &beside[..], &[rate / rate_alone]].concat())
}

/// Measures the median and the 99th percentile of calls alone and beside 100 streams of numbers.
pub async fn streams<C: Contender>(scale: Scale) -> Result<Vec<f64>> {
    let server = Local::start::<C>(Limits::Default).await?;
    let client = C::connect(server.address, Limits::Default).await?;
    let alone = calls_beside(&client, scale, None).await?;
    let mut streams = JoinSet::new();
    for _ in 0..100 {
        let client = client.clone();
        streams.spawn(async move { client.numbers(u64::MAX).await });
    }
    // A contender without such streams says so at once.
    sleep(PAUSE).await;
    if let Some(ended) = streams.try_join_next() {
        ended??;
    }
    let beside = calls_beside(&client, scale, None).await?;
    if let Some(ended) = streams.try_join_next() {
        ended??;
        return Err("a stream ended".into());
    }
    Ok([alone, beside].concat())
}

/// Rate of one upload, in bytes per second.
async fn upload_once(client: &impl Client, chunk: &Bytes, scale: Scale) -> Result<f64> {
    let chunks = scale.of(CHUNKS);
    let start = Instant::now();
    let received = client.upload(chunk.clone(), chunks).await?;
    if received != (chunks * CHUNK) as u64 {
        return Err(format!("received {received} bytes").into());
    }
    Ok(received as f64 / start.elapsed().as_secs_f64())
}

/// Makes calls with pauses, until `done` or for [`DURATION`]. Returns the median and the 99th percentile in µs.
async fn calls_beside(
    client: &impl Client,
    scale: Scale,
    done: Option<&(dyn Fn() -> bool + Sync)>,
) -> Result<[f64; 2]> {
    let mut times = Vec::new();
    let began = Instant::now();
    let is_done = || match done {
        Some(done) => done(),
        None => scale == Scale::Smoke || began.elapsed() > DURATION,
    };
    while times.is_empty() || !is_done() {
        let start = Instant::now();
        let answer = client.echo(SMALL).await?;
        times.push(start.elapsed());
        expect_echo(&SMALL, &answer)?;
        sleep(PAUSE).await;
    }
    Ok([50, 99].map(|percent| micros(percentile(&mut times, percent))))
}
