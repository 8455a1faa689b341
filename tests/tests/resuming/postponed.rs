//! Sockets that a server refuses for now.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use roam_core::proto::Refusal;
use roam_core::{CloseReason, Config, Identity};
use roam_tests::watched;
use roam_ws_server::Admission;
use tokio::sync::mpsc::unbounded_channel;

use crate::world::{MeterClient, World};

const AFTER: Duration = Duration::from_millis(200);

/// Refuses whoever returns.
fn later() -> Refusal {
    Refusal::new(4_500, "the directory is away").with_retry_after(AFTER)
}

#[test]
fn a_link_that_is_refused_for_now_comes_again_when_it_was_told() {
    watched(async {
        let (asked, mut times) = unbounded_channel();
        let returning = Arc::new(AtomicU32::new(0));
        let admit = move |peer: Admission| {
            asked.send(Instant::now()).unwrap();
            let returned = peer.link.map(|_| returning.fetch_add(1, Ordering::Relaxed));
            std::future::ready(match returned {
                Some(0 | 1) => Err(later()),
                _ => Ok(None::<Identity>),
            })
        };
        let mut world = World::with(|server| server.with_admission(admit)).await;
        let link = world.connect().await;
        let (_held, server) = world.hold(&link).await;
        world.cut();
        assert_eq!(MeterClient::new(link.clone()).count().await.unwrap(), 1);
        assert!(server.close_reason().is_none());
        let times: Vec<_> = std::iter::from_fn(|| times.try_recv().ok()).collect();
        // The first is that of the new link.
        let [_, first, second, third] = times[..] else {
            panic!("{times:?}")
        };
        assert!(second - first >= AFTER && third - second >= AFTER);
    });
}

#[test]
fn a_link_that_is_refused_for_as_long_as_it_is_kept_ends_with_the_refusal() {
    watched(async {
        let admit = async |peer: Admission| match peer.link {
            Some(_) => Err(later()),
            None => Ok(None::<Identity>),
        };
        let keep = Duration::from_millis(500);
        let config = Config::default().with_keep(keep);
        let world = World::with(|server| server.with_config(config).with_admission(admit)).await;
        let link = world.connect().await;
        world.cut();
        let reason = link.closed().await;
        assert!(
            matches!(&reason, CloseReason::Refused(it) if *it == later()),
            "{reason}"
        );
    });
}
