//! Echo calls on one link.

use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::child::Child;
use crate::contender::{Client, Contender, Limits, Result, expect_echo};
use crate::figures::{micros, percentile};

use super::{Local, Scale};

const SMALL: Bytes = Bytes::from_static(&[b'x'; 16]);
const LARGE: usize = 64 * 1024;

/// Measures the median and 99th percentile of calls made one at a time.
pub async fn latency<C: Contender>(scale: Scale) -> Result<Vec<f64>> {
    let server = Local::start::<C>(Limits::Default).await?;
    let client = C::connect(server.address, Limits::Default).await?;
    latency_of(&client, scale).await
}

/// Measures [`latency`] with the server in another process.
pub async fn cross_process_latency<C: Contender>(scale: Scale) -> Result<Vec<f64>> {
    let server = Child::start(C::NAME).await?;
    let client = C::connect(server.address, Limits::Default).await?;
    latency_of(&client, scale).await
}

async fn latency_of(client: &impl Client, scale: Scale) -> Result<Vec<f64>> {
    time_calls(client, scale.of(2_000)).await?;
    let mut times = time_calls(client, scale.of(20_000)).await?;
    Ok(vec![
        micros(percentile(&mut times, 50)),
        micros(percentile(&mut times, 99)),
    ])
}

/// Makes `calls` calls in sequence and returns their times.
pub async fn time_calls(client: &impl Client, calls: usize) -> Result<Vec<Duration>> {
    let mut times = Vec::with_capacity(calls);
    for _ in 0..calls {
        let start = Instant::now();
        let answer = client.echo(SMALL).await?;
        times.push(start.elapsed());
        expect_echo(&SMALL, &answer)?;
    }
    Ok(times)
}

/// Measures calls per second with `in_flight` calls in flight.
pub async fn throughput<C: Contender>(scale: Scale, in_flight: usize) -> Result<Vec<f64>> {
    let server = Local::start::<C>(Limits::Raised).await?;
    let client = C::connect(server.address, Limits::Raised).await?;
    client.echo_many(SMALL, in_flight, scale.of(20_000)).await?;
    let calls = scale.of(200_000);
    let start = Instant::now();
    client.echo_many(SMALL, in_flight, calls).await?;
    Ok(vec![calls as f64 / start.elapsed().as_secs_f64()])
}

/// Measures megabytes per second of large payloads, counted in one direction.
pub async fn large<C: Contender>(scale: Scale) -> Result<Vec<f64>> {
    let server = Local::start::<C>(Limits::Raised).await?;
    let client = C::connect(server.address, Limits::Raised).await?;
    let payload = Bytes::from(vec![b'x'; LARGE]);
    client.echo_many(payload.clone(), 16, scale.of(500)).await?;
    let calls = scale.of(8_000);
    let start = Instant::now();
    client.echo_many(payload, 16, calls).await?;
    let bytes = (calls * LARGE) as f64;
    Ok(vec![bytes / 1e6 / start.elapsed().as_secs_f64()])
}
