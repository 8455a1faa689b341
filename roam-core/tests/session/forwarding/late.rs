//! Proxies whose upstream is bound later.

use futures::future::join;
use roam_core::{
    CallError, Config, ConnectionHandle, Failure, FailureKind, Limits, NoDispatcher, channel,
    proxy::{LateBoundForwarder, LateBoundHandle},
};

use super::super::harness::{link, link_with, poll_now, settle, start, until_idle, yield_now};
use super::{Saw, SiteClient, peer};

runs! {
    calls_wait_until_upstream_is_bound
    channels_of_waiting_calls_hold_a_window
    calls_are_unavailable_if_never_bound
    waiting_call_can_be_cancelled
    number_of_waiting_calls_is_limited
}

async fn unbound(config: &Config) -> (SiteClient, LateBoundHandle, ConnectionHandle) {
    let (forwarder, late) = LateBoundForwarder::new();
    let (client, down) = link_with(NoDispatcher, config, forwarder, config);
    client.ready().await.unwrap();
    (SiteClient::new(client), late, down)
}

async fn calls_wait_until_upstream_is_bound() {
    let (site, late, down) = unbound(&Config::default()).await;
    let early = [start(site.name()), start(site.name())];
    let (tx, rx) = channel();
    let sum = start(site.sum(rx));
    for number in 0..10 {
        tx.send(number).await.unwrap();
    }
    drop(tx);
    // All calls arrive before anything can answer them.
    while down.stats().incoming_calls < 3 {
        yield_now().await;
    }
    let (up, _server) = link(NoDispatcher, peer("server").0);
    late.bind(up.clone());
    for name in early {
        assert_eq!(name.await.unwrap(), "server");
    }
    assert_eq!(sum.await.unwrap(), 45);
    assert_eq!(site.name().await.unwrap(), "server");
    until_idle(&down).await;
    until_idle(&up).await;
}

async fn channels_of_waiting_calls_hold_a_window() {
    let config = Config::default().with_initial_channel_credit(100);
    let (site, late, _down) = unbound(&config).await;
    let (tx, rx) = channel();
    let sum = start(site.sum(rx));
    let sent = start(async move {
        for number in 0..1_000 {
            tx.send(number).await.unwrap();
        }
    });
    let (up, _server) = link(NoDispatcher, peer("server").0);
    late.bind(up);
    sent.await;
    assert_eq!(sum.await.unwrap(), 999 * 1_000 / 2);
}

async fn calls_are_unavailable_if_never_bound() {
    let (site, late, down) = unbound(&Config::default()).await;
    let early = start(site.name());
    while down.stats().incoming_calls == 0 {
        yield_now().await;
    }
    drop(late);
    for error in [early.await.unwrap_err(), site.name().await.unwrap_err()] {
        assert!(
            matches!(
                error,
                CallError::Failed(Failure {
                    kind: FailureKind::Unavailable,
                    ..
                })
            ),
            "{error:?}"
        );
    }
    until_idle(&down).await;
}

async fn waiting_call_can_be_cancelled() {
    let (site, late, down) = unbound(&Config::default()).await;
    let ((tx, rx), (back, received)) = (channel(), channel());
    let mut call = Box::pin(site.hold(rx, back).into_future());
    assert!(poll_now(&mut call).is_pending());
    while down.stats().incoming_calls == 0 {
        yield_now().await;
    }
    drop((call, tx, received));
    until_idle(&down).await;
    let (server, mut seen) = peer("server");
    let (up, _server) = link(NoDispatcher, server);
    late.bind(up.clone());
    assert_eq!(site.name().await.unwrap(), "server");
    seen.expect_nothing();
    let ((_tx, rx), (back, _received)) = (channel(), channel());
    let mut call = Box::pin(site.hold(rx, back).into_future());
    assert!(poll_now(&mut call).is_pending());
    seen.expect(Saw::Began).await;
}

async fn number_of_waiting_calls_is_limited() {
    let config = Config::default().with_limits(Limits::default().with_calls(2));
    let (site, late, down) = unbound(&config).await;
    let waiting = [start(site.name()), start(site.name())];
    while down.stats().incoming_calls < 2 {
        yield_now().await;
    }
    // One more waits with its caller.
    let mut third = site.name().into_future();
    assert!(poll_now(&mut third).is_pending());
    settle(&down).await;
    assert_eq!(down.stats().incoming_calls, 2);
    let (up, _server) = link(NoDispatcher, peer("server").0);
    late.bind(up);
    let [first, second] = waiting;
    let (first, second) = join(first, second).await;
    assert_eq!(
        (first.unwrap(), second.unwrap()),
        ("server".into(), "server".into())
    );
    assert_eq!(third.await.unwrap(), "server");
    settle(&down).await;
}
