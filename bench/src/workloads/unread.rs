//! One stream that nobody reads must hold up nothing but itself.

use std::time::{Duration, Instant};

use crate::contender::{Client, Contender, Limits, Result};
use crate::figures::{micros, percentile};
use crate::memory;

use super::calls::time_calls;
use super::{Local, Scale};

/// More calls than anybody makes in the time.
const MOST_CALLS: usize = 1 << 20;

/// The 99th percentile of calls beside the stream, and how much memory grows meanwhile, counted
/// over both ends from before the stream was there.
pub async fn beside<C: Contender>(scale: Scale) -> Result<Vec<f64>> {
    let server = Local::start::<C>(Limits::Default).await?;
    let client = C::connect(server.address, Limits::Default).await?;
    time_calls(&client, scale.of(2_000)).await?;
    // Written to, so that the memory of the times is there before it is counted.
    let mut times = vec![Duration::MAX; scale.of(MOST_CALLS)];
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
