//! The memory of idle links.

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream};

use crate::child::Child;
use crate::contender::{Client, Contender, Limits, Result};

use super::Scale;

/// Measures the server's memory per link; each link has answered one call and is idle.
pub async fn memory<C: Contender>(scale: Scale) -> Result<Vec<f64>> {
    let server = Child::start(C::NAME).await?;
    // The first links also pay for shared memory, so they are not counted.
    let first = connect::<C>(&server, scale.of(100)).await?;
    let before = server.memory()?;
    let links = connect::<C>(&server, scale.of(2_000)).await?;
    let after = server.memory()?;
    let growth = after.saturating_sub(before) as f64;
    let figure = growth / 1000.0 / links.len() as f64;
    drop(first);
    Ok(vec![figure])
}

async fn connect<C: Contender>(server: &Child, links: usize) -> Result<Vec<C::Client>> {
    stream::iter(0..links)
        .map(|_| async {
            let client = C::connect(server.address, Limits::Default).await?;
            client.echo(Bytes::from_static(b"hello")).await?;
            Ok(client)
        })
        .buffer_unordered(16)
        .try_collect()
        .await
}
