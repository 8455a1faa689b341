//! The cost of a call with many links or streams open.

use std::time::{Duration, Instant};

use futures::future::try_join_all;
use futures::{StreamExt, TryStreamExt, stream};

use crate::contender::{Client, Contender, Limits, Result};
use crate::figures::{micros, percentile};
use crate::memory::cpu_time;

use super::calls::time_calls;
use super::{Local, Scale};

/// Measures one caller on each of `links` links.
pub async fn links<C: Contender>(scale: Scale, links: usize) -> Result<Vec<f64>> {
    let server = Local::start::<C>(Limits::Default).await?;
    let clients: Vec<_> = stream::iter(0..scale.of(links))
        .map(|_| C::connect(server.address, Limits::Default))
        .buffer_unordered(16)
        .try_collect()
        .await?;
    let calls = scale.of(100_000) / clients.len();
    measure(&clients, calls).await
}

/// Measures 64 callers on a link with `streams` open streams.
pub async fn streams<C: Contender>(scale: Scale, streams: usize) -> Result<Vec<f64>> {
    let server = Local::start::<C>(Limits::Raised).await?;
    let client = C::connect(server.address, Limits::Raised).await?;
    let open = client.open_streams(scale.of(streams)).await?;
    let callers = vec![client; 64];
    let figures = measure(&callers, scale.of(50_000).div_ceil(64)).await?;
    drop(open);
    Ok(figures)
}

/// Measures calls per second, the 99th percentile, and CPU time per call of client and server.
async fn measure<C: Client>(callers: &[C], calls: usize) -> Result<Vec<f64>> {
    run(callers, calls.div_ceil(10)).await?;
    let (start, cpu) = (Instant::now(), cpu_time()?);
    let mut times = run(callers, calls).await?;
    let (elapsed, cpu) = (start.elapsed(), cpu_time()?.saturating_sub(cpu));
    let all = times.len() as f64;
    Ok(vec![
        all / elapsed.as_secs_f64(),
        micros(percentile(&mut times, 99)),
        micros(cpu) / all,
    ])
}

async fn run<C: Client>(callers: &[C], calls: usize) -> Result<Vec<Duration>> {
    let tasks = callers
        .iter()
        .cloned()
        .map(|client| tokio::spawn(async move { time_calls(&client, calls).await }));
    let mut times = Vec::new();
    for caller_times in try_join_all(tasks).await? {
        times.extend(caller_times?);
    }
    Ok(times)
}
