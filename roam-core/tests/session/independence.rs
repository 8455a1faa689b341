//! Slow handlers and unread channels delay only those who wait for them.

use std::future::pending;
use std::time::Duration;

use futures::future::{join, join_all};
use roam_core::rt::BoxFuture;
use roam_core::{
    CallError, Config, ConnectionHandle, Context, Failure, FailureKind, Limits, NoDispatcher, Rx,
    Tx, channel, service,
};

use super::harness::{Events, Seen, events, link, link_with, poll_now, settle, until_idle};

runs! {
    slow_handlers_do_not_delay_others
    unread_channels_do_not_delay_others
    calls_wait_for_their_turn
    callers_who_give_up_let_the_next_go
    thousands_of_calls_at_once_are_all_answered
    excess_channels_are_refused_by_the_caller
    excess_channels_at_the_callee_are_answered_busy
    concurrent_large_calls_both_ways_finish
    unread_empty_elements_do_not_delay_others
}

#[service]
trait Busy {
    async fn echo(&self, text: String) -> String;
    async fn stay(&self);
    async fn flood(&self, tx: Tx<u32>);
    async fn stall(&self, rx: Rx<u32>);
    async fn stall_empty(&self, rx: Rx<()>);
    async fn stall_many(&self, rxs: Vec<Rx<u32>>);
}

#[derive(Debug, PartialEq)]
struct Began;

struct Handler(Events<Began>);

impl Busy for Handler {
    async fn echo(&self, _: &Context, text: String) -> String {
        text
    }

    async fn stay(&self, _: &Context) {
        self.0.tell(Began);
        pending::<()>().await;
    }

    async fn flood(&self, _: &Context, tx: Tx<u32>) {
        self.0.tell(Began);
        while tx.send(0).await.is_ok() {}
    }

    async fn stall(&self, _: &Context, _rx: Rx<u32>) {
        self.0.tell(Began);
        pending::<()>().await;
    }

    async fn stall_empty(&self, _: &Context, _rx: Rx<()>) {
        self.0.tell(Began);
        pending::<()>().await;
    }

    async fn stall_many(&self, _: &Context, _rxs: Vec<Rx<u32>>) {
        self.0.tell(Began);
        pending::<()>().await;
    }
}

async fn busy(config: &Config) -> (BusyClient, Seen<Began>, [ConnectionHandle; 2]) {
    let (began, seen) = events();
    let handler = BusyDispatcher::new(Handler(began));
    let (client, server) = link_with(NoDispatcher, config, handler, config);
    client.ready().await.unwrap();
    (BusyClient::new(client.clone()), seen, [client, server])
}

async fn echo_often(busy: &BusyClient) {
    for number in 0..100 {
        let text = number.to_string();
        assert_eq!(busy.echo(text.clone()).await.unwrap(), text);
    }
}

async fn slow_handlers_do_not_delay_others() {
    let (busy, mut seen, links) = busy(&Config::default()).await;
    let mut slow: Vec<_> = (0..200).map(|_| busy.stay().into_future()).collect();
    for call in &mut slow {
        assert!(poll_now(call).is_pending());
        seen.expect(Began).await;
    }
    echo_often(&busy).await;
    drop(slow);
    for link in &links {
        until_idle(link).await;
    }
}

async fn unread_channels_do_not_delay_others() {
    let (busy, mut seen, links) = busy(&Config::default()).await;
    let (from_them, to_them): (Vec<_>, Vec<_>) = (0..10).map(|_| (channel(), channel())).unzip();
    let mut unread = Vec::new();
    let mut calls: Vec<roam_core::rt::BoxFuture<'_, _>> = Vec::new();
    for (tx, rx) in from_them {
        unread.push(rx);
        calls.push(Box::pin(busy.flood(tx).into_future()));
    }
    let mut full = Vec::new();
    for (tx, rx) in to_them {
        full.push(tx);
        calls.push(Box::pin(busy.stall(rx).into_future()));
    }
    for call in &mut calls {
        assert!(poll_now(call).is_pending());
        seen.expect(Began).await;
    }
    // Every window is full, or about to be.
    for tx in &full {
        while poll_now(tx.send(1)).is_ready() {}
    }
    echo_often(&busy).await;
    drop((calls, unread, full));
    for link in &links {
        until_idle(link).await;
    }
}

/// A server that handles four calls at once, of which three stay.
async fn nearly_full() -> (
    BusyClient,
    Vec<BoxFuture<'static, ()>>,
    [ConnectionHandle; 2],
) {
    let few = Config::default().with_limits(Limits::default().with_calls(4));
    let (busy, mut seen, links) = busy(&few).await;
    let stays = |_| -> BoxFuture<'static, ()> {
        let stay = busy.stay().into_future();
        Box::pin(async { stay.await.unwrap() })
    };
    let mut stay: Vec<_> = (0..3).map(stays).collect();
    for call in &mut stay {
        assert!(poll_now(call).is_pending());
        seen.expect(Began).await;
    }
    (busy, stay, links)
}

async fn calls_wait_for_their_turn() {
    let (busy, stay, links) = nearly_full().await;
    let (answered, mut seen) = events();
    let calls = (0..100).map(|n: usize| {
        let (busy, answered) = (busy.clone(), answered.clone());
        async move {
            busy.echo(n.to_string()).await.unwrap();
            answered.tell(n);
        }
    });
    join_all(calls).await;
    for n in 0..100 {
        seen.expect(n).await;
    }
    drop(stay);
    until_idle(&links[1]).await;
}

async fn callers_who_give_up_let_the_next_go() {
    let (busy, mut stay, links) = nearly_full().await;
    let mut fourth = busy.stay().into_future();
    assert!(poll_now(&mut fourth).is_pending());
    let mut waiting: Vec<_> = ["a", "b", "c"]
        .map(|text| busy.echo(text.into()).into_future())
        .into();
    for call in &mut waiting {
        assert!(poll_now(call).is_pending());
    }
    // A deadline ends the wait.
    let timeout = Duration::from_millis(1);
    let late = busy.echo("late".into()).timeout(timeout).await.unwrap_err();
    let kind = FailureKind::Deadline;
    assert!(
        matches!(&late, CallError::Failed(failure) if failure.kind == kind),
        "{late:?}"
    );
    // The first in line goes, and so the second is first when a place is free.
    drop(waiting.remove(0));
    drop(fourth);
    let [b, c] = <[_; 2]>::try_from(waiting).unwrap();
    let (b, c) = join(b, c).await;
    assert_eq!((b.unwrap(), c.unwrap()), ("b".into(), "c".into()));
    stay.clear();
    until_idle(&links[1]).await;
}

async fn thousands_of_calls_at_once_are_all_answered() {
    let (busy, _, links) = busy(&Config::default()).await;
    let echo = |n: u32| {
        let busy = busy.clone();
        async move { busy.echo(n.to_string()).await.unwrap() }
    };
    let answers = join_all((0..5_000).map(echo)).await;
    assert!(
        answers
            .into_iter()
            .eq((0..5_000).map(|n: u32| n.to_string()))
    );
    until_idle(&links[1]).await;
}

async fn excess_channels_are_refused_by_the_caller() {
    let limits = Limits::default().with_sending_channels(3);
    let few = Config::default().with_limits(limits);
    let (began, mut seen) = events();
    let handler = BusyDispatcher::new(Handler(began));
    let (client, _) = link_with(NoDispatcher, &few, handler, &Config::default());
    client.ready().await.unwrap();
    let busy = BusyClient::new(client.clone());
    let many = |count| {
        (0..count)
            .map(|_| channel())
            .unzip::<_, _, Vec<_>, Vec<_>>()
    };
    let (txs, rxs) = many(4);
    let error = busy.stall_many(rxs).await.unwrap_err();
    assert!(matches!(error, CallError::NoBudgetForChannels), "{error:?}");
    for tx in &txs {
        tx.closed().await;
    }
    let (txs, rxs) = many(3);
    let mut call = busy.stall_many(rxs).into_future();
    assert!(poll_now(&mut call).is_pending());
    seen.expect(Began).await;
    drop((call, txs));
    until_idle(&client).await;
}

async fn excess_channels_at_the_callee_are_answered_busy() {
    // A third of it is for channels, which cost 1.5 KiB each.
    let limits = Limits::default().with_receive_budget(4 * 3 * 1_536);
    let few = Config::default().with_limits(limits);
    let (began, mut seen) = events();
    let handler = BusyDispatcher::new(Handler(began));
    let (client, server) = link_with(NoDispatcher, &Config::client(), handler, &few);
    let busy = BusyClient::new(client.clone());
    let many = |count| {
        (0..count)
            .map(|_| channel())
            .unzip::<_, _, Vec<_>, Vec<_>>()
    };
    let (txs, rxs) = many(5);
    let error = busy.stall_many(rxs).await.unwrap_err();
    assert!(
        matches!(
            error,
            CallError::Failed(Failure {
                kind: FailureKind::Busy,
                ..
            })
        ),
        "{error:?}"
    );
    for tx in &txs {
        tx.closed().await;
    }
    drop(txs);
    until_idle(&server).await;
    let (txs, rxs) = many(4);
    let mut call = busy.stall_many(rxs).into_future();
    assert!(poll_now(&mut call).is_pending());
    seen.expect(Began).await;
    drop((call, txs));
    until_idle(&client).await;
    until_idle(&server).await;
}

async fn concurrent_large_calls_both_ways_finish() {
    let handler = || BusyDispatcher::new(Handler(events().0));
    let (client, server) = link(handler(), handler());
    client.ready().await.unwrap();
    server.ready().await.unwrap();
    let echoes = |peer: &ConnectionHandle, letter: &str| {
        let (busy, text) = (BusyClient::new(peer.clone()), letter.repeat(900_000));
        join_all((0..64).map(move |_| {
            let (busy, text) = (busy.clone(), text.clone());
            async move { assert!(busy.echo(text.clone()).await.unwrap() == text) }
        }))
    };
    futures::future::join(echoes(&client, "c"), echoes(&server, "s")).await;
    until_idle(&client).await;
    until_idle(&server).await;
}

async fn unread_empty_elements_do_not_delay_others() {
    let (busy, mut seen, links) = busy(&Config::default()).await;
    let (tx, rx) = channel();
    let mut call = busy.stall_empty(rx).into_future();
    assert!(poll_now(&mut call).is_pending());
    seen.expect(Began).await;
    for _ in 0..1_100 {
        tx.send(()).await.unwrap();
    }
    settle(&links[0]).await;
    echo_often(&busy).await;
    drop((call, tx));
    until_idle(&links[1]).await;
}
