//! A client that outlives its links: when it connects, and what it sends again.

use std::future::pending;
use std::time::Duration;

use futures::future::join_all;
use roam_core::{
    CallError, CloseReason, Context, Failure, LinkStatus, ReconnectingClient, RecvError,
    RetryPolicy, Rx, SendError, channel, rt, service,
};

use super::harness::{Events, Seen, events, poll_now, start, yield_now};
use super::net::{self, Net, ServerEnd};

runs! {
    the_first_call_connects_and_others_share_the_link
    calls_that_wait_share_an_attempt
    the_link_is_closed_when_nobody_holds_the_client
    the_last_call_that_waits_takes_the_attempt_with_it
    attempts_that_are_used_up_fail_the_calls_that_wait_and_no_others
    a_call_that_had_not_left_is_sent_again
    the_outcome_of_a_call_that_had_left_is_unknown
    a_call_of_an_idempotent_method_is_sent_again
    a_large_call_is_sent_again_as_it_was
    that_its_outcome_is_unknown_outlasts_attempts_that_fail
    a_call_that_is_lost_each_time_is_not_sent_for_ever
    channels_travel_both_ways
    a_call_whose_channels_are_on_a_lost_link_is_not_sent_again
    a_call_whose_channels_are_still_here_is_sent_again
    a_call_that_waits_for_a_link_has_its_deadline
    the_peer_is_told_what_is_left_of_a_deadline
    closing_fails_all_calls_and_connects_no_more
    closing_ends_an_attempt
    states_are_seen_in_order
    the_loss_of_a_link_that_nobody_uses_is_seen
    errors_of_the_method_are_answers
}

runs_with_paused_clock! {
    it_waits_between_attempts
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
    /// Serves calls and answers them.
    fn answering(&self) -> LedgerDispatcher<Handler> {
        self.handler(true)
    }

    /// Serves calls and holds them for ever.
    fn holding(&self) -> LedgerDispatcher<Handler> {
        self.handler(false)
    }

    fn handler(&self, answers: bool) -> LedgerDispatcher<Handler> {
        let saw = self.saw.clone();
        LedgerDispatcher::new(Handler { saw, answers })
    }

    /// A client that is connected to a server that answers.
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

fn is_unknown<T>(result: &Result<T, CallError>) -> bool {
    matches!(
        result,
        Err(CallError::Lost {
            reason: CloseReason::Lost(_),
            sent: true
        })
    )
}

async fn the_first_call_connects_and_others_share_the_link() {
    let mut world = world(1);
    world.net.expect_nothing();
    assert_eq!(world.client.status(), LinkStatus::Idle);
    let call = start(world.ledger.add(1));
    let _server = world.net.attempt().await.accept(world.answering());
    assert_eq!(call.await.unwrap(), 2);
    assert_eq!(world.client.status(), LinkStatus::Connected);
    let calls = join_all((0..20).map(|n| world.ledger.add(n))).await;
    for (n, sum) in (1..).zip(calls) {
        assert_eq!(sum.unwrap(), n);
    }
    world.net.expect_nothing();
}

async fn calls_that_wait_share_an_attempt() {
    let mut world = world(2);
    let mut calls: Vec<_> = (0..3).map(|n| world.ledger.add(n)).collect();
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

async fn the_link_is_closed_when_nobody_holds_the_client() {
    let mut world = world(1);
    let server = world.connected().await;
    drop(world.client);
    assert_eq!(world.ledger.add(1).await.unwrap(), 2);
    drop(world.ledger);
    let reason = server.handle.closed().await;
    assert!(matches!(reason, CloseReason::Goodbye(_)), "{reason}");
}

async fn the_last_call_that_waits_takes_the_attempt_with_it() {
    let mut world = world(1);
    let (mut one, mut other) = (world.ledger.add(1), world.ledger.add(2));
    assert!(poll_now(&mut one).is_pending());
    assert!(poll_now(&mut other).is_pending());
    let attempt = world.net.attempt().await;
    drop(one);
    assert!(!attempt.is_given_up());
    drop(other);
    assert!(attempt.is_given_up());
    assert_eq!(world.client.status(), LinkStatus::Idle);
    let call = start(world.ledger.add(1));
    let _server = world.net.attempt().await.accept(world.answering());
    assert_eq!(call.await.unwrap(), 2);
}

async fn attempts_that_are_used_up_fail_the_calls_that_wait_and_no_others() {
    let mut world = world(3);
    for _ in 0..2 {
        let mut calls: Vec<_> = (0..3).map(|n| world.ledger.add(n)).collect();
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
        assert_eq!(world.client.status(), LinkStatus::Idle);
    }
    let call = start(world.ledger.add(1));
    let _server = world.net.attempt().await.accept(world.answering());
    assert_eq!(call.await.unwrap(), 2);
}

async fn a_call_that_had_not_left_is_sent_again() {
    let mut world = world(2);
    let call = start(world.ledger.add(1));
    let server = world.net.attempt().await.accept_stalled(world.holding());
    let stalled = world.client.connection().await.unwrap();
    while stalled.stats().outgoing_calls == 0 {
        yield_now().await;
    }
    server.kill();
    let _server = world.net.attempt().await.accept(world.answering());
    assert_eq!(call.await.unwrap(), 2);
    world.seen.expect("add").await;
    world.seen.expect_nothing();
}

async fn the_outcome_of_a_call_that_had_left_is_unknown() {
    let mut world = world(5);
    let call = start(world.ledger.add(1));
    let server = world.net.attempt().await.accept(world.holding());
    world.seen.expect("add").await;
    server.kill();
    let result = call.await;
    assert!(is_unknown(&result), "{result:?}");
    world.net.expect_nothing();
    let call = start(world.ledger.add(1));
    let _server = world.net.attempt().await.accept(world.answering());
    assert_eq!(call.await.unwrap(), 2);
}

async fn a_call_of_an_idempotent_method_is_sent_again() {
    let mut world = world(2);
    let call = start(world.ledger.balance());
    let server = world.net.attempt().await.accept(world.holding());
    world.seen.expect("balance").await;
    server.kill();
    let _server = world.net.attempt().await.accept(world.answering());
    assert_eq!(call.await.unwrap(), 7);
    world.seen.expect("balance").await;
}

async fn a_large_call_is_sent_again_as_it_was() {
    let mut world = world(2);
    let call = start(world.ledger.length("x".repeat(100_000)));
    let server = world.net.attempt().await.accept(world.holding());
    world.seen.expect("length").await;
    server.kill();
    let _server = world.net.attempt().await.accept(world.answering());
    assert_eq!(call.await.unwrap(), 100_000);
}

async fn that_its_outcome_is_unknown_outlasts_attempts_that_fail() {
    let mut world = world(2);
    let call = start(world.ledger.balance());
    let server = world.net.attempt().await.accept(world.holding());
    world.seen.expect("balance").await;
    server.kill();
    for _ in 0..2 {
        world.net.attempt().await.refuse();
    }
    let result = call.await;
    assert!(is_unknown(&result), "{result:?}");
}

async fn a_call_that_is_lost_each_time_is_not_sent_for_ever() {
    let mut world = world(3);
    let call = start(world.ledger.balance());
    for _ in 0..3 {
        let server = world.net.attempt().await.accept(world.holding());
        world.seen.expect("balance").await;
        server.kill();
    }
    let result = call.await;
    assert!(is_unknown(&result), "{result:?}");
    world.net.expect_nothing();
}

async fn channels_travel_both_ways() {
    let mut world = world(1);
    let (tx, rx) = channel();
    let sum = start(world.ledger.sum(rx));
    // What is sent before there is a link waits for it.
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

async fn a_call_whose_channels_are_on_a_lost_link_is_not_sent_again() {
    let mut world = world(5);
    let (tx, rx) = channel();
    let sum = start(world.ledger.sum(rx));
    let server = world.net.attempt().await.accept(world.holding());
    world.seen.expect("sum").await;
    server.kill();
    let result = sum.await;
    assert!(is_unknown(&result), "{result:?}");
    tx.closed().await;
    let error = tx.send(1).await.unwrap_err();
    assert!(matches!(error, SendError::Lost(_)), "{error}");

    // Nor when nothing has left.
    let (tx, rx) = channel();
    let sum = start(world.ledger.sum(rx));
    let server = world.net.attempt().await.accept_stalled(world.holding());
    let stalled = world.client.connection().await.unwrap();
    while stalled.stats().outgoing_calls == 0 {
        yield_now().await;
    }
    server.kill();
    let error = sum.await.unwrap_err();
    assert!(
        matches!(error, CallError::Lost { sent: false, .. }),
        "{error}"
    );
    let error = tx.send(1).await.unwrap_err();
    assert!(matches!(error, SendError::Lost(_)), "{error}");
    world.net.expect_nothing();

    // A result's channel is cut with its link.
    let call = start(world.ledger.count(1_000_000));
    let server = world.net.attempt().await.accept(world.answering());
    let mut counted = call.await.unwrap();
    assert_eq!(counted.recv().await.unwrap(), Some(0));
    server.kill();
    let error = loop {
        match counted.recv().await {
            Ok(Some(_)) => {}
            Ok(None) => panic!("a clean end"),
            Err(error) => break error,
        }
    };
    assert!(matches!(error, RecvError::Lost(_)), "{error}");
}

async fn a_call_whose_channels_are_still_here_is_sent_again() {
    let mut world = world(2);
    let first = start(world.ledger.balance());
    let server = world.net.attempt().await.accept_stalled(world.holding());
    let stalled = world.client.connection().await.unwrap();
    while stalled.stats().outgoing_calls == 0 {
        yield_now().await;
    }
    // There is no room for a second one.
    let (tx, rx) = channel();
    let mut sum = world.ledger.sum(rx);
    assert!(poll_now(&mut sum).is_pending());
    let sum = start(sum);
    tx.send(20).await.unwrap();
    server.kill();
    let _server = world.net.attempt().await.accept(world.answering());
    tx.send(22).await.unwrap();
    drop(tx);
    assert_eq!(sum.await.unwrap(), 42);
    assert_eq!(first.await.unwrap(), 7);
}

async fn a_call_that_waits_for_a_link_has_its_deadline() {
    let mut world = world(1);
    // Long enough that it has begun to wait when this passes.
    let mut call = world.ledger.add(1).with_timeout(Duration::from_millis(50));
    let result = (&mut call).await;
    assert!(matches!(result, Err(CallError::Failed(Failure::Deadline))));
    let attempt = world.net.attempt().await;
    assert!(attempt.is_given_up());
}

async fn the_peer_is_told_what_is_left_of_a_deadline() {
    let mut world = world(2);
    let call = start(world.ledger.told().with_timeout(Duration::from_mins(10)));
    let server = world.net.attempt().await.accept(world.holding());
    world.seen.expect("told").await;
    // A millisecond passes, whoever spends it.
    let clock = rt::Clock::start();
    while clock.now() < Duration::from_millis(2) {
        yield_now().await;
    }
    server.kill();
    let _server = world.net.attempt().await.accept(world.answering());
    let millis = call.await.unwrap().unwrap();
    assert!((1..600_000).contains(&millis), "{millis}");
}

async fn closing_fails_all_calls_and_connects_no_more() {
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
    assert_eq!(world.client.status(), LinkStatus::Closed);
    world.net.expect_nothing();
}

async fn closing_ends_an_attempt() {
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
    assert_eq!(world.client.status(), LinkStatus::Closed);
    world.net.expect_nothing();
}

async fn states_are_seen_in_order() {
    let mut world = world(2);
    let call = start(world.ledger.balance());
    let idle = LinkStatus::Idle;
    let first = world.client.changed(idle).await;
    assert_eq!(first, LinkStatus::Connecting { attempt: 1 });
    world.net.attempt().await.refuse();
    let second = world.client.changed(first).await;
    assert_eq!(second, LinkStatus::Connecting { attempt: 2 });
    let server = world.net.attempt().await.accept(world.holding());
    let connected = world.client.changed(second).await;
    assert_eq!(connected, LinkStatus::Connected);
    world.seen.expect("balance").await;
    server.kill();
    // A link that brought no answer counts as one more failure.
    let attempt = world.net.attempt().await;
    let third = world.client.status();
    assert_eq!(third, LinkStatus::Connecting { attempt: 3 });
    let server = attempt.accept(world.answering());
    assert_eq!(world.client.changed(third).await, LinkStatus::Connected);
    call.await.unwrap();
    // An answer proves that all is well.
    server.kill();
    assert_eq!(world.client.changed(LinkStatus::Connected).await, idle);
    let call = start(world.ledger.balance());
    let again = world.client.changed(idle).await;
    assert_eq!(again, LinkStatus::Connecting { attempt: 1 });
    world.client.close("");
    assert_eq!(world.client.changed(again).await, LinkStatus::Closed);
    assert!(call.await.is_err());
}

async fn the_loss_of_a_link_that_nobody_uses_is_seen() {
    let mut world = world(1);
    let server = world.connected().await;
    let client = world.client.clone();
    let changed = start(async move { client.changed(LinkStatus::Connected).await });
    server.kill();
    assert_eq!(changed.await, LinkStatus::Idle);
    world.net.expect_nothing();
}

async fn errors_of_the_method_are_answers() {
    let mut world = world(3);
    let _server = world.connected().await;
    let error = world.ledger.refuse().await.unwrap_err();
    assert_eq!(error.into_user(), Some("no".to_owned()));
    assert_eq!(world.ledger.add(1).await.unwrap(), 2);
    world.net.expect_nothing();
}

async fn it_waits_between_attempts() {
    let hour = Duration::from_hours(1);
    let (client, mut net) = net::client_with(RetryPolicy {
        attempts: 2,
        initial_backoff: hour,
        max_backoff: hour,
        multiplier: 1,
    });
    let ledger = LedgerClient::new(client.clone());
    let call = start(ledger.balance());
    let attempt = net.attempt().await;
    let first = client.status();
    let watching = start({
        let client = client.clone();
        async move {
            let waiting = client.changed(first).await;
            (waiting, client.changed(waiting).await)
        }
    });
    let clock = rt::Clock::start();
    attempt.refuse();
    let attempt = net.attempt().await;
    let waited = clock.now();
    assert!(waited > Duration::ZERO && waited <= hour + Duration::from_millis(1));
    let expected = (
        LinkStatus::Waiting { attempt: 2 },
        LinkStatus::Connecting { attempt: 2 },
    );
    assert_eq!(watching.await, expected);
    attempt.refuse();
    assert!(matches!(call.await.unwrap_err(), CallError::Unreachable(_)));
}
