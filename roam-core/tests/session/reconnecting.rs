//! The reconnecting client: when it connects, and which calls it resends.

mod resending;

use std::future::pending;
use std::time::Duration;

use futures::StreamExt;
use futures::future::join_all;
use roam_core::{
    CallError, CloseReason, Context, Failure, FailureKind, Rx, channel,
    client::{LinkState, LinkStates, ReconnectingClient, RetryPolicy},
    rt, service,
};

use super::harness::{Events, Seen, events, poll_now, start};
use super::net::{self, Net, ServerEnd};

runs! {
    first_call_connects_and_others_share_the_link
    waiting_calls_share_an_attempt
    link_closes_when_the_client_is_dropped
    dropping_the_last_waiting_call_stops_the_attempt
    exhausted_attempts_fail_only_the_waiting_calls
    channels_work_in_both_directions
    deadline_applies_while_waiting_for_a_link
    closing_fails_all_calls_and_stops_connecting
    closing_stops_an_attempt
    states_are_seen_in_order
    loss_of_an_idle_link_is_seen
    slow_reader_of_states_gets_the_latest
    states_end_with_the_client_and_do_not_keep_its_link
    method_errors_do_not_reconnect
}

runs_with_paused_clock! {
    client_waits_between_attempts
}

#[service]
trait Ledger {
    async fn add(&self, amount: u32) -> u32;
    #[roam(idempotent)]
    async fn balance(&self) -> u32;
    #[roam(idempotent)]
    async fn sum(&self, numbers: Rx<u32>) -> u32;
    async fn count(&self, to: u32) -> Rx<u32>;
    #[roam(idempotent)]
    async fn length(&self, text: String) -> usize;
    #[roam(idempotent)]
    async fn told(&self) -> Option<u64>;
    async fn refuse(&self) -> Result<(), String>;
}

#[derive(Clone)]
struct Handler {
    saw: Events<&'static str>,
    answers: bool,
}

impl Handler {
    async fn called(&self, method: &'static str) {
        self.saw.tell(method);
        if !self.answers {
            pending::<()>().await;
        }
    }
}

impl Ledger for Handler {
    async fn add(&self, _: &Context, amount: u32) -> u32 {
        self.called("add").await;
        amount + 1
    }

    async fn balance(&self, _: &Context) -> u32 {
        self.called("balance").await;
        7
    }

    async fn sum(&self, _: &Context, mut numbers: Rx<u32>) -> u32 {
        self.called("sum").await;
        let mut sum = 0;
        while let Ok(Some(number)) = numbers.recv().await {
            sum += number;
        }
        sum
    }

    async fn count(&self, _: &Context, to: u32) -> Rx<u32> {
        self.called("count").await;
        let (tx, rx) = channel();
        rt::spawn(async move {
            for number in 0..to {
                if tx.send(number).await.is_err() {
                    return;
                }
            }
        });
        rx
    }

    async fn length(&self, _: &Context, text: String) -> usize {
        self.called("length").await;
        text.len()
    }

    async fn told(&self, cx: &Context) -> Option<u64> {
        self.called("told").await;
        cx.metadata().get_u64("roam-deadline-ms")
    }

    async fn refuse(&self, _: &Context) -> Result<(), String> {
        self.called("refuse").await;
        Err("no".to_owned())
    }
}

struct World {
    client: ReconnectingClient,
    ledger: LedgerClient<ReconnectingClient>,
    net: Net,
    saw: Events<&'static str>,
    seen: Seen<&'static str>,
}

fn world(attempts: u32) -> World {
    let (client, net) = net::client(attempts);
    let (saw, seen) = events();
    World {
        ledger: LedgerClient::new(client.clone()),
        client,
        net,
        saw,
        seen,
    }
}

impl World {
    /// Returns a dispatcher that answers its calls.
    fn answering(&self) -> LedgerDispatcher<Handler> {
        self.handler(true)
    }

    /// Returns a dispatcher that never answers.
    fn holding(&self) -> LedgerDispatcher<Handler> {
        self.handler(false)
    }

    fn handler(&self, answers: bool) -> LedgerDispatcher<Handler> {
        let saw = self.saw.clone();
        LedgerDispatcher::new(Handler { saw, answers })
    }

    /// Connects the client to a server that answers.
    async fn connected(&mut self) -> ServerEnd {
        let connecting = start({
            let client = self.client.clone();
            async move { client.connection().await.unwrap() }
        });
        let server = self.net.attempt().await.accept(self.answering());
        connecting.await;
        server
    }
}

async fn first_call_connects_and_others_share_the_link() {
    let mut world = world(1);
    world.net.expect_nothing();
    assert_eq!(world.client.state(), LinkState::Idle);
    let call = start(world.ledger.add(1));
    let _server = world.net.attempt().await.accept(world.answering());
    assert_eq!(call.await.unwrap(), 2);
    assert_eq!(world.client.state(), LinkState::Connected);
    let calls = join_all((0..20).map(|n| world.ledger.add(n).into_future())).await;
    for (n, sum) in (1..).zip(calls) {
        assert_eq!(sum.unwrap(), n);
    }
    world.net.expect_nothing();
}

async fn waiting_calls_share_an_attempt() {
    let mut world = world(2);
    let mut calls: Vec<_> = (0..3).map(|n| world.ledger.add(n).into_future()).collect();
    for call in &mut calls {
        assert!(poll_now(call).is_pending());
    }
    let calls = start(join_all(calls));
    world.net.attempt().await.refuse();
    let attempt = world.net.attempt().await;
    world.net.expect_nothing();
    let _server = attempt.accept(world.answering());
    let sums: Vec<_> = calls.await.into_iter().map(Result::unwrap).collect();
    assert_eq!(sums, [1, 2, 3]);
    world.net.expect_nothing();
}

async fn link_closes_when_the_client_is_dropped() {
    let mut world = world(1);
    let server = world.connected().await;
    drop(world.client);
    assert_eq!(world.ledger.add(1).await.unwrap(), 2);
    drop(world.ledger);
    let reason = server.handle.closed().await;
    assert!(matches!(reason, CloseReason::Goodbye(_)), "{reason}");
}

async fn dropping_the_last_waiting_call_stops_the_attempt() {
    let mut world = world(1);
    let (mut one, mut other) = (
        world.ledger.add(1).into_future(),
        world.ledger.add(2).into_future(),
    );
    assert!(poll_now(&mut one).is_pending());
    assert!(poll_now(&mut other).is_pending());
    let attempt = world.net.attempt().await;
    drop(one);
    assert!(!attempt.is_given_up());
    drop(other);
    assert!(attempt.is_given_up());
    assert_eq!(world.client.state(), LinkState::Idle);
    let call = start(world.ledger.add(1));
    let _server = world.net.attempt().await.accept(world.answering());
    assert_eq!(call.await.unwrap(), 2);
}

async fn exhausted_attempts_fail_only_the_waiting_calls() {
    let mut world = world(3);
    for _ in 0..2 {
        let mut calls: Vec<_> = (0..3).map(|n| world.ledger.add(n).into_future()).collect();
        for call in &mut calls {
            assert!(poll_now(call).is_pending());
        }
        let calls = start(join_all(calls));
        for _ in 0..3 {
            world.net.attempt().await.refuse();
        }
        for result in calls.await {
            let error = result.unwrap_err();
            assert!(matches!(error, CallError::Unreachable(_)), "{error:?}");
        }
        world.net.expect_nothing();
        assert_eq!(world.client.state(), LinkState::Idle);
    }
    let call = start(world.ledger.add(1));
    let _server = world.net.attempt().await.accept(world.answering());
    assert_eq!(call.await.unwrap(), 2);
}

async fn channels_work_in_both_directions() {
    let mut world = world(1);
    let (tx, rx) = channel();
    let sum = start(world.ledger.sum(rx));
    // Elements sent before the link exists wait for it.
    tx.send(1).await.unwrap();
    let _server = world.net.attempt().await.accept(world.answering());
    for number in 2..=100 {
        tx.send(number).await.unwrap();
    }
    drop(tx);
    assert_eq!(sum.await.unwrap(), 5_050);
    let mut counted = world.ledger.count(100).await.unwrap();
    for number in 0..100 {
        assert_eq!(counted.recv().await.unwrap(), Some(number));
    }
    assert_eq!(counted.recv().await.unwrap(), None);
}

async fn deadline_applies_while_waiting_for_a_link() {
    let mut world = world(1);
    // Long enough that the call is waiting when it passes.
    let mut call = world
        .ledger
        .add(1)
        .timeout(Duration::from_millis(50))
        .into_future();
    let result = (&mut call).await;
    assert!(matches!(
        result,
        Err(CallError::Failed(Failure {
            kind: FailureKind::Deadline,
            ..
        }))
    ));
    let attempt = world.net.attempt().await;
    assert!(attempt.is_given_up());
}

async fn closing_fails_all_calls_and_stops_connecting() {
    let mut world = world(5);
    let call = start(world.ledger.balance());
    let server = world.net.attempt().await.accept(world.holding());
    world.seen.expect("balance").await;
    world.client.close("enough");
    let error = call.await.unwrap_err();
    let is_enough =
        |reason: &CloseReason| matches!(reason, CloseReason::Local(it) if &**it == "enough");
    assert!(
        matches!(&error, CallError::Lost { reason, sent: true } if is_enough(reason)),
        "{error}"
    );
    let reason = server.handle.closed().await;
    assert!(matches!(reason, CloseReason::Goodbye(reason) if &*reason == "enough"));
    world.client.close("again");
    let error = world.ledger.add(1).await.unwrap_err();
    assert!(
        matches!(&error, CallError::Lost { reason, sent: false } if is_enough(reason)),
        "{error}"
    );
    assert!(world.client.connection().await.is_err());
    assert!(matches!(world.client.state(), LinkState::Closed { .. }));
    world.net.expect_nothing();
}

async fn closing_stops_an_attempt() {
    let mut world = world(5);
    let call = start(world.ledger.add(1));
    let attempt = world.net.attempt().await;
    world.client.close("");
    let error = call.await.unwrap_err();
    assert!(
        matches!(error, CallError::Lost { sent: false, .. }),
        "{error}"
    );
    assert!(attempt.is_given_up());
    assert!(matches!(world.client.state(), LinkState::Closed { .. }));
    world.net.expect_nothing();
}

async fn next(states: &mut LinkStates) -> LinkState {
    states.next().await.expect("the client is not closed")
}

async fn states_are_seen_in_order() {
    let mut world = world(2);
    let mut states = world.client.states();
    assert_eq!(next(&mut states).await, LinkState::Idle);
    let call = start(world.ledger.balance());
    let first = LinkState::Connecting { attempt: 1 };
    assert_eq!(next(&mut states).await, first);
    world.net.attempt().await.refuse();
    let second = LinkState::Connecting { attempt: 2 };
    assert_eq!(next(&mut states).await, second);
    let server = world.net.attempt().await.accept(world.holding());
    assert_eq!(next(&mut states).await, LinkState::Connected);
    world.seen.expect("balance").await;
    server.kill();
    // A link without any response counts as another failure.
    let attempt = world.net.attempt().await;
    let third = LinkState::Connecting { attempt: 3 };
    assert_eq!(next(&mut states).await, third);
    let server = attempt.accept(world.answering());
    assert_eq!(next(&mut states).await, LinkState::Connected);
    call.await.unwrap();
    // A response resets the count of failures.
    server.kill();
    assert_eq!(next(&mut states).await, LinkState::Idle);
    let call = start(world.ledger.balance());
    assert_eq!(next(&mut states).await, first);
    world.client.close("enough");
    let reason = "enough".into();
    assert_eq!(next(&mut states).await, LinkState::Closed { reason });
    assert!(states.next().await.is_none());
    assert!(call.await.is_err());
}

async fn loss_of_an_idle_link_is_seen() {
    let mut world = world(1);
    let server = world.connected().await;
    let mut states = world.client.states();
    assert_eq!(next(&mut states).await, LinkState::Connected);
    let lost = start(async move { next(&mut states).await });
    server.kill();
    assert_eq!(lost.await, LinkState::Idle);
    world.net.expect_nothing();
}

async fn slow_reader_of_states_gets_the_latest() {
    let mut world = world(1);
    let mut states = world.client.states();
    assert_eq!(next(&mut states).await, LinkState::Idle);
    let _server = world.connected().await;
    assert_eq!(next(&mut states).await, LinkState::Connected);
    assert!(poll_now(states.next()).is_pending());
}

async fn states_end_with_the_client_and_do_not_keep_its_link() {
    let mut world = world(1);
    let server = world.connected().await;
    let mut states = world.client.states();
    assert_eq!(next(&mut states).await, LinkState::Connected);
    let ended = start(async move { states.next().await });
    drop((world.client, world.ledger));
    assert_eq!(ended.await, None);
    let reason = server.handle.closed().await;
    assert!(matches!(reason, CloseReason::Goodbye(_)), "{reason}");
}

async fn method_errors_do_not_reconnect() {
    let mut world = world(3);
    let _server = world.connected().await;
    let error = world.ledger.refuse().await.unwrap_err();
    assert_eq!(error.into_user(), Some("no".to_owned()));
    assert_eq!(world.ledger.add(1).await.unwrap(), 2);
    world.net.expect_nothing();
}

async fn client_waits_between_attempts() {
    let hour = Duration::from_hours(1);
    let (client, mut net) = net::client_with(
        RetryPolicy::default()
            .with_attempts(2)
            .with_initial_backoff(hour)
            .with_max_backoff(hour)
            .with_multiplier(1),
    );
    let ledger = LedgerClient::new(client.clone());
    let call = start(ledger.balance());
    let attempt = net.attempt().await;
    let mut states = client.states();
    let first = LinkState::Connecting { attempt: 1 };
    assert_eq!(next(&mut states).await, first);
    let watching = start(async move { (next(&mut states).await, next(&mut states).await) });
    let clock = rt::Clock::start();
    attempt.refuse();
    let attempt = net.attempt().await;
    let waited = clock.now();
    assert!(waited > Duration::ZERO && waited <= hour + Duration::from_millis(1));
    let (waiting, connecting) = watching.await;
    let LinkState::Waiting {
        attempt: 2,
        delay,
        error,
    } = waiting
    else {
        panic!("{waiting:?}");
    };
    assert!(delay <= waited, "{delay:?}");
    assert!(error.to_string().starts_with("cannot connect"), "{error}");
    assert_eq!(connecting, LinkState::Connecting { attempt: 2 });
    attempt.refuse();
    assert!(matches!(call.await.unwrap_err(), CallError::Unreachable(_)));
}
