//! A stream that nobody reads must not slow down other calls.

use std::time::{Duration, Instant};

use crate::contender::{Client, Contender, Limits, Result};
use crate::figures::{micros, percentile};
use crate::memory;

use super::calls::time_calls;
use super::{Local, Scale};

/// More calls than any contender makes in a run.
const MAX_CALLS: usize = 1 << 20;

/// Measures the 99th percentile of calls during the stream, and how much the memory of client and
/// server together grows from before the stream opened.
pub async fn calls<C: Contender>(scale: Scale) -> Result<Vec<f64>> {
    let server = Local::start::<C>(Limits::Default).await?;
    let client = C::connect(server.address, Limits::Default).await?;
    time_calls(&client, scale.of(2_000)).await?;
    // Fill the list now, so that its memory is resident before the first measurement.
    let mut times = vec![Duration::MAX; scale.of(MAX_CALLS)];
    times.clear();
    let before = memory::resident("self")?;
    let stream = client.unread_stream().await?;
    let start = Instant::now();
    while times.is_empty() || (scale == Scale::Full && start.elapsed() < Duration::from_secs(5)) {
        times.extend(time_calls(&client, 100).await?);
    }
    let growth = memory::resident("self")?.saturating_sub(before);
    stream()?;
    Ok(vec![
        micros(percentile(&mut times, 99)),
        growth as f64 / f64::from(1 << 20),
    ])
}
