//! Links that are opened, used for one call and closed.

use std::time::Instant;

use bytes::Bytes;

use crate::contender::{Client, Contender, Limits, Result};
use crate::figures::{micros, percentile};

use super::{Local, Scale};

/// Measures the median and 99th percentile of connecting plus the first call.
pub async fn connect<C: Contender>(scale: Scale) -> Result<Vec<f64>> {
    let server = Local::start::<C>(Limits::Default).await?;
    let mut times = Vec::new();
    for _ in 0..scale.of(500) {
        let start = Instant::now();
        let client = C::connect(server.address, Limits::Default).await?;
        client.echo(Bytes::from_static(&[b'x'; 16])).await?;
        times.push(start.elapsed());
    }
    Ok(vec![
        micros(percentile(&mut times, 50)),
        micros(percentile(&mut times, 99)),
    ])
}
