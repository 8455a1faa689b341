//! Which calls the client resends after their link was lost.

use std::time::Duration;

use roam_core::{CallError, CloseReason, RecvError, SendError, channel, rt};

use super::super::harness::{poll_now, start, yield_now};
use super::world;

runs! {
    unsent_call_is_resent
    sent_call_has_an_unknown_outcome
    idempotent_call_is_resent
    large_call_is_resent_unchanged
    outcome_stays_unknown_after_failed_attempts
    repeatedly_lost_call_is_not_resent_forever
    call_with_channels_on_a_lost_link_is_not_resent
    call_with_local_channels_is_resent
    resent_call_carries_the_time_left
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

async fn unsent_call_is_resent() {
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

async fn sent_call_has_an_unknown_outcome() {
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

async fn idempotent_call_is_resent() {
    let mut world = world(2);
    let call = start(world.ledger.balance());
    let server = world.net.attempt().await.accept(world.holding());
    world.seen.expect("balance").await;
    server.kill();
    let _server = world.net.attempt().await.accept(world.answering());
    assert_eq!(call.await.unwrap(), 7);
    world.seen.expect("balance").await;
}

async fn large_call_is_resent_unchanged() {
    let mut world = world(2);
    let call = start(world.ledger.length("x".repeat(100_000)));
    let server = world.net.attempt().await.accept(world.holding());
    world.seen.expect("length").await;
    server.kill();
    let _server = world.net.attempt().await.accept(world.answering());
    assert_eq!(call.await.unwrap(), 100_000);
}

async fn outcome_stays_unknown_after_failed_attempts() {
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

async fn repeatedly_lost_call_is_not_resent_forever() {
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

async fn call_with_channels_on_a_lost_link_is_not_resent() {
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

    // The same when nothing was sent.
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

    // A result's channel fails when its link is lost.
    let call = start(world.ledger.count(1_000_000));
    let server = world.net.attempt().await.accept(world.answering());
    let mut counted = call.await.unwrap();
    assert_eq!(counted.recv().await.unwrap(), Some(0));
    server.kill();
    let error = loop {
        match counted.recv().await {
            Ok(Some(_)) => {}
            Ok(None) => panic!("the channel ended cleanly"),
            Err(error) => break error,
        }
    };
    assert!(matches!(error, RecvError::Lost(_)), "{error}");
}

async fn call_with_local_channels_is_resent() {
    let mut world = world(2);
    let first = start(world.ledger.balance());
    let server = world.net.attempt().await.accept_stalled(world.holding());
    let stalled = world.client.connection().await.unwrap();
    while stalled.stats().outgoing_calls == 0 {
        yield_now().await;
    }
    // The send buffer has no space for a second call.
    let (tx, rx) = channel();
    let mut sum = world.ledger.sum(rx).into_future();
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

async fn resent_call_carries_the_time_left() {
    let mut world = world(2);
    let call = start(world.ledger.told().timeout(Duration::from_mins(10)));
    let server = world.net.attempt().await.accept(world.holding());
    world.seen.expect("told").await;
    // Let at least a millisecond pass.
    let clock = rt::Clock::start();
    while clock.now() < Duration::from_millis(2) {
        yield_now().await;
    }
    server.kill();
    let _server = world.net.attempt().await.accept(world.answering());
    let millis = call.await.unwrap().unwrap();
    assert!((1..600_000).contains(&millis), "{millis}");
}
