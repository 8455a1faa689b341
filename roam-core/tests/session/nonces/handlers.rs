//! How long the handler of a call with a nonce runs.

use std::time::Duration;

use roam_core::{CallError, FailureKind, RoamError, nonce::NonceLimits, rt};

use super::super::harness::{poll_now, settle, start, until_idle};
use super::{ONE, Saw, failed_as, with, world};

runs! {
    handler_outlives_its_link
    cancel_aborts_the_handler
    cancel_spares_a_handler_that_another_call_awaits
    deadline_aborts_the_handler
    running_handler_counts_as_an_incoming_call
}

runs_with_paused_clock! {
    abandoned_handler_is_aborted_after_the_retention
}

async fn handler_outlives_its_link() {
    let mut world = world();
    let (bank, client, server) = world.link();
    let first = start(bank.deposit(5).metadata(with(ONE)));
    world.seen.expect(Saw::Began).await;
    client.close("");
    server.closed().await;
    assert!(first.await.is_err());
    let (bank, client, _) = world.link();
    client.ready().await.unwrap();
    let mut again = bank.deposit(5).metadata(with(ONE)).into_future();
    assert!(poll_now(&mut again).is_pending());
    settle(&client).await;
    world.seen.expect_nothing();
    world.open();
    assert_eq!(again.await.unwrap(), 1);
    world.seen.expect(Saw::Ended).await;
    world.seen.expect_nothing();
}

async fn cancel_aborts_the_handler() {
    let mut world = world();
    let (bank, client, server) = world.link();
    let first = start(bank.deposit(5).metadata(with(ONE)));
    world.seen.expect(Saw::Began).await;
    drop(first);
    world.seen.expect(Saw::Ended).await;
    let again = bank.deposit(5).metadata(with(ONE)).await;
    assert!(matches!(
        again,
        Err(CallError::Answered(RoamError::Cancelled))
    ));
    world.seen.expect_nothing();
    until_idle(&client).await;
    until_idle(&server).await;
}

async fn cancel_spares_a_handler_that_another_call_awaits() {
    let mut world = world();
    let (bank, client, _) = world.link();
    let (other_bank, other_client, _) = world.link();
    client.ready().await.unwrap();
    let mut first = bank.deposit(5).metadata(with(ONE)).into_future();
    assert!(poll_now(&mut first).is_pending());
    world.seen.expect(Saw::Began).await;
    let mut again = other_bank.deposit(5).metadata(with(ONE)).into_future();
    other_client.ready().await.unwrap();
    assert!(poll_now(&mut again).is_pending());
    settle(&other_client).await;
    drop(first);
    settle(&client).await;
    world.seen.expect_nothing();
    world.open();
    assert_eq!(again.await.unwrap(), 1);
}

async fn deadline_aborts_the_handler() {
    let mut world = world();
    let (bank, ..) = world.link();
    let metadata = with(ONE).with("roam-deadline-ms", 1);
    failed_as(
        bank.deposit(5).metadata(metadata).await,
        FailureKind::Deadline,
    );
    world.seen.expect(Saw::Began).await;
    world.seen.expect(Saw::Ended).await;
    let again = bank.deposit(5).metadata(with(ONE)).await;
    assert!(matches!(
        again,
        Err(CallError::Answered(RoamError::Cancelled))
    ));
    world.seen.expect_nothing();
}

async fn running_handler_counts_as_an_incoming_call() {
    let mut world = world();
    let (bank, client, server) = world.link();
    let first = start(bank.deposit(5).metadata(with(ONE)));
    world.seen.expect(Saw::Began).await;
    assert_eq!(server.stats().incoming_calls, 1);
    world.open();
    first.await.unwrap();
    until_idle(&client).await;
    until_idle(&server).await;
}

async fn abandoned_handler_is_aborted_after_the_retention() {
    let mut world = world();
    let retention = Duration::from_hours(1);
    world.served = world
        .served
        .with_limits(NonceLimits::default().with_retention(retention));
    let (bank, client, server) = world.link();
    let first = start(bank.deposit(5).metadata(with(ONE)));
    world.seen.expect(Saw::Began).await;
    let clock = rt::Clock::start();
    client.close("");
    server.closed().await;
    assert!(first.await.is_err());
    world.seen.expect(Saw::Ended).await;
    assert!(clock.now() >= retention);
}
