//! Delays and limited rates. Only lower bounds are asserted: a busy machine is never too fast.

use std::num::NonZeroU64;
use std::time::{Duration, Instant};

use roam_faults::{Direction, Fault, Plan, Ways};
use tokio::io::AsyncWriteExt;

use crate::site::{Site, echoes, reads, reads_last, run};

#[test]
fn each_direction_is_delayed() {
    run(async {
        let site = Site::start().await;
        let plan = Plan::new()
            .with(Fault::Delay(Ways::Up, Duration::from_millis(40)))
            .with(Fault::Delay(Ways::Down, Duration::from_millis(60)));
        let (mut client, _) = site.join_echo(plan).await;
        let start = Instant::now();
        echoes(&mut client, b"hello").await;
        assert!(start.elapsed() >= Duration::from_millis(100));
    });
}

#[test]
fn delayed_bytes_stay_in_order() {
    run(async {
        let site = Site::start().await;
        let delay = Fault::Delay(Ways::Both, Duration::from_millis(20));
        let (mut client, connection) = site.join_echo(delay).await;
        let mut sent = Vec::new();
        for byte in 0..100 {
            client.write_all(&[byte]).await.unwrap();
            sent.push(byte);
            if byte == 50 {
                // Those that come now must not overtake.
                connection.inject(Fault::Delay(Ways::Both, Duration::ZERO));
            }
        }
        reads(&mut client, &sent).await;
    });
}

#[test]
fn the_end_is_delayed() {
    run(async {
        let site = Site::start().await;
        let delay = Fault::Delay(Ways::Up, Duration::from_millis(50));
        let mut joined = site.join_with(delay).await;
        let start = Instant::now();
        joined.client.shutdown().await.unwrap();
        reads_last(&mut joined.server, b"").await;
        assert!(start.elapsed() >= Duration::from_millis(50));
    });
}

#[test]
fn shorter_delay_holds_for_bytes_on_their_way() {
    run(async {
        let site = Site::start().await;
        let delay = Fault::Delay(Ways::Up, Duration::from_hours(1));
        let mut joined = site.join_with(delay).await;
        joined.client.write_all(b"hello").await.unwrap();
        joined
            .connection
            .inject(Fault::Delay(Ways::Up, Duration::ZERO));
        reads(&mut joined.server, b"hello").await;
    });
}

#[test]
fn rate_is_limited() {
    const BYTES: [u8; 15_000] = [7; 15_000];
    run(async {
        let site = Site::start().await;
        let rate = Fault::Rate(Ways::Down, NonZeroU64::new(100_000));
        let mut joined = site.join_with(rate).await;
        let start = Instant::now();
        joined.server.write_all(&BYTES).await.unwrap();
        joined
            .connection
            .forwarded(Direction::Down, BYTES.len() as u64)
            .await
            .unwrap();
        assert!(start.elapsed() >= Duration::from_millis(130));
        reads(&mut joined.client, &BYTES).await;
    });
}

#[test]
fn limit_is_lifted() {
    run(async {
        let site = Site::start().await;
        let rate = Fault::Rate(Ways::Up, NonZeroU64::new(1));
        let mut joined = site.join_with(rate).await;
        joined.client.write_all(&vec![7; 100_000]).await.unwrap();
        joined.connection.forwarded(Direction::Up, 1).await.unwrap();
        joined.connection.inject(Fault::Rate(Ways::Up, None));
        reads(&mut joined.server, &vec![7; 100_000]).await;
    });
}
