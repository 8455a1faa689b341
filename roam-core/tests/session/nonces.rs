//! Calls with a nonce, which run once, however often they are sent.

mod client;
mod handlers;

use std::future::pending;
use std::sync::atomic::{AtomicU32, Ordering};

use futures::FutureExt;
use futures::channel::oneshot;
use futures::future::Shared;
use roam_core::{
    CallError, ConnectionHandle, Context, FailureKind, Metadata, MetadataValue, NoDispatcher,
    RoamError, Rx, channel,
    nonce::{NONCE_KEY, Nonce, NonceDispatcher, NonceLimits},
    service,
};

use super::harness::{Events, Seen, events, link, poll_now, settle, start, until_idle};

runs! {
    repetition_gets_the_first_response
    repetition_waits_for_the_first_call
    nonce_with_other_arguments_is_refused
    malformed_nonce_is_refused
    nonce_for_an_unserved_method
    calls_without_a_nonce_always_run
    identities_have_separate_nonces
    call_with_channels_is_answered_once
    response_with_channels_is_given_once
    calls_beyond_the_limits_are_busy
}

runs_where_panics_unwind! {
    errors_and_panics_count_as_responses
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Saw {
    Began,
    Ended,
}

// Inline, so that a call has been dispatched once it has reached the server.
#[service]
trait Bank {
    /// Returns the number of deposits so far.
    #[roam(inline)]
    async fn deposit(&self, amount: u32) -> u32;
    #[roam(inline)]
    async fn refuse(&self) -> Result<(), u32>;
    #[roam(inline)]
    async fn panic(&self);
    #[roam(inline)]
    async fn collect(&self, numbers: Rx<u32>) -> u32;
    #[roam(inline)]
    async fn list(&self) -> Rx<u32>;
    async fn has_nonce(&self) -> bool;
    #[roam(idempotent)]
    async fn has_nonce_idempotent(&self) -> bool;
    async fn has_nonce_with_channel(&self, rx: Rx<u8>) -> bool;
}

struct Handler {
    saw: Events<Saw>,
    gate: Shared<oneshot::Receiver<()>>,
    runs: AtomicU32,
}

impl Handler {
    async fn run(&self) -> u32 {
        let _ended = self.saw.on_drop(Saw::Ended);
        let runs = self.runs.fetch_add(1, Ordering::Relaxed) + 1;
        self.saw.tell(Saw::Began);
        if self.gate.clone().await.is_err() {
            // The test has ended.
            pending::<()>().await;
        }
        runs
    }
}

impl Bank for Handler {
    async fn deposit(&self, _: &Context, _amount: u32) -> u32 {
        self.run().await
    }

    async fn refuse(&self, _: &Context) -> Result<(), u32> {
        Err(self.run().await)
    }

    async fn panic(&self, _: &Context) {
        self.run().await;
        panic!("as asked");
    }

    async fn collect(&self, _: &Context, mut numbers: Rx<u32>) -> u32 {
        self.run().await;
        let mut sum = 0;
        while let Ok(Some(number)) = numbers.recv().await {
            sum += number;
        }
        sum
    }

    async fn list(&self, _: &Context) -> Rx<u32> {
        let runs = self.run().await;
        let (tx, rx) = channel();
        let _ = tx.send(runs).await;
        rx
    }

    async fn has_nonce(&self, cx: &Context) -> bool {
        cx.metadata().get(NONCE_KEY).is_some()
    }

    async fn has_nonce_idempotent(&self, cx: &Context) -> bool {
        cx.metadata().get(NONCE_KEY).is_some()
    }

    async fn has_nonce_with_channel(&self, cx: &Context, _: Rx<u8>) -> bool {
        cx.metadata().get(NONCE_KEY).is_some()
    }
}

/// A bank whose handlers wait until the gate is opened.
struct World {
    served: NonceDispatcher,
    bank: BankDispatcher<Handler>,
    seen: Seen<Saw>,
    gate: Option<oneshot::Sender<()>>,
}

fn world() -> World {
    let (saw, seen) = events();
    let (gate, opened) = oneshot::channel();
    let bank = BankDispatcher::new(Handler {
        saw,
        gate: opened.shared(),
        runs: AtomicU32::new(0),
    });
    World {
        served: NonceDispatcher::new(bank.clone()),
        bank,
        seen,
        gate: Some(gate),
    }
}

/// A bank whose handlers do not wait.
fn open_world() -> World {
    let mut world = world();
    world.open();
    world
}

impl World {
    fn open(&mut self) {
        self.gate.take().unwrap().send(()).unwrap();
    }

    /// Opens a link and returns a client, its handle and the server's handle.
    fn link(&self) -> (BankClient, ConnectionHandle, ConnectionHandle) {
        let (client, server) = link(NoDispatcher, self.served.clone());
        (BankClient::new(client.clone()), client, server)
    }
}

const ONE: Nonce = Nonce::new([1; 16]);

fn with(nonce: Nonce) -> Metadata {
    Metadata::new().with(NONCE_KEY, nonce)
}

fn failed_as<T: std::fmt::Debug, E: std::fmt::Debug>(
    result: Result<T, CallError<E>>,
    failure: FailureKind,
) {
    match result {
        Err(CallError::Failed(failed)) if failed.kind == failure => {}
        other => panic!("{other:?}"),
    }
}

async fn repetition_gets_the_first_response() {
    let mut world = open_world();
    let (bank, client, _) = world.link();
    let nonces = [ONE, ONE, Nonce::new([2; 16]), ONE];
    for (nonce, runs) in nonces.into_iter().zip([1, 1, 2, 1]) {
        let deposit = bank.deposit(5).metadata(with(nonce));
        assert_eq!(deposit.await.unwrap(), runs);
    }
    client.close("");
    let (bank, ..) = world.link();
    let deposit = bank.deposit(5).metadata(with(ONE));
    assert_eq!(deposit.await.unwrap(), 1);
    for _ in 0..2 {
        world.seen.expect(Saw::Began).await;
        world.seen.expect(Saw::Ended).await;
    }
    world.seen.expect_nothing();
}

async fn repetition_waits_for_the_first_call() {
    let mut world = world();
    let (bank, client, _) = world.link();
    let (other_bank, other_client, _) = world.link();
    let first = start(bank.deposit(5).metadata(with(ONE)));
    world.seen.expect(Saw::Began).await;
    other_client.ready().await.unwrap();
    let mut again = bank.deposit(5).metadata(with(ONE)).into_future();
    let mut elsewhere = other_bank.deposit(5).metadata(with(ONE)).into_future();
    assert!(poll_now(&mut again).is_pending());
    assert!(poll_now(&mut elsewhere).is_pending());
    settle(&client).await;
    settle(&other_client).await;
    world.seen.expect_nothing();
    world.open();
    assert_eq!(first.await.unwrap(), 1);
    assert_eq!(again.await.unwrap(), 1);
    assert_eq!(elsewhere.await.unwrap(), 1);
    world.seen.expect(Saw::Ended).await;
    world.seen.expect_nothing();
}

async fn errors_and_panics_count_as_responses() {
    let world = open_world();
    let (bank, ..) = world.link();
    for _ in 0..2 {
        let refused = bank.refuse().metadata(with(ONE)).await.unwrap_err();
        assert_eq!(refused.into_user(), Some(1));
        let panicked = bank.panic().metadata(with(ONE)).await;
        failed_as(panicked, FailureKind::Panic);
    }
    let deposit = bank.deposit(1).metadata(with(ONE));
    assert_eq!(deposit.await.unwrap(), 3, "each of them ran once");
}

async fn nonce_with_other_arguments_is_refused() {
    let world = open_world();
    let (bank, ..) = world.link();
    let deposit = |amount| bank.deposit(amount).metadata(with(ONE));
    assert_eq!(deposit(5).await.unwrap(), 1);
    failed_as(deposit(6).await, FailureKind::NonceReused);
    assert_eq!(deposit(5).await.unwrap(), 1);
}

async fn malformed_nonce_is_refused() {
    let mut world = open_world();
    let (bank, ..) = world.link();
    let values: [MetadataValue; 4] = [
        vec![1; 15].into(),
        vec![1; 17].into(),
        1.into(),
        "0123456789abcdef".into(),
    ];
    for value in values {
        let metadata = Metadata::new().with(NONCE_KEY, value);
        let refused = bank.deposit(5).metadata(metadata).await;
        assert!(matches!(
            refused,
            Err(CallError::Answered(RoamError::InvalidPayload))
        ));
    }
    world.seen.expect_nothing();
}

async fn nonce_for_an_unserved_method() {
    let world = World {
        served: NonceDispatcher::new(NoDispatcher),
        ..open_world()
    };
    let (bank, ..) = world.link();
    for _ in 0..2 {
        let unknown = bank.deposit(5).metadata(with(ONE)).await;
        assert!(matches!(
            unknown,
            Err(CallError::Answered(RoamError::UnknownMethod))
        ));
    }
}

async fn calls_without_a_nonce_always_run() {
    let world = open_world();
    let (bank, ..) = world.link();
    for runs in 1..=3 {
        assert_eq!(bank.deposit(5).await.unwrap(), runs);
    }
}

async fn identities_have_separate_nonces() {
    let world = open_world();
    let identity = |cx: &Context| {
        let name = cx.metadata().get_str("authorization").unwrap_or_default();
        name.as_bytes().to_vec()
    };
    let world = World {
        served: NonceDispatcher::new(world.bank.clone()).with_identity(identity),
        ..world
    };
    let (bank, ..) = world.link();
    for (name, runs) in [("Ada", 1), ("Bob", 2), ("Ada", 1), ("Bob", 2)] {
        let metadata = with(ONE).with("authorization", name);
        let deposit = bank.deposit(5).metadata(metadata);
        assert_eq!(deposit.await.unwrap(), runs);
    }
}

async fn call_with_channels_is_answered_once() {
    let mut world = open_world();
    let (bank, ..) = world.link();
    let (tx, rx) = channel();
    let sum = start(bank.collect(rx).metadata(with(ONE)));
    for number in 1..=3 {
        tx.send(number).await.unwrap();
    }
    drop(tx);
    assert_eq!(sum.await.unwrap(), 6);
    let (tx, rx) = channel();
    failed_as(
        bank.collect(rx).metadata(with(ONE)).await,
        FailureKind::NonceSpent,
    );
    tx.closed().await;
    world.seen.expect(Saw::Began).await;
    world.seen.expect(Saw::Ended).await;
    world.seen.expect_nothing();
}

async fn response_with_channels_is_given_once() {
    let mut world = open_world();
    let (bank, client, server) = world.link();
    let mut list = bank.list().metadata(with(ONE)).await.unwrap();
    assert_eq!(list.recv().await.unwrap(), Some(1));
    assert_eq!(list.recv().await.unwrap(), None);
    failed_as(
        bank.list().metadata(with(ONE)).await,
        FailureKind::NonceSpent,
    );
    world.seen.expect(Saw::Began).await;
    world.seen.expect(Saw::Ended).await;
    world.seen.expect_nothing();
    drop(list);
    until_idle(&client).await;
    until_idle(&server).await;
}

async fn calls_beyond_the_limits_are_busy() {
    let mut world = world();
    world.served = world
        .served
        .with_limits(NonceLimits::default().with_calls(2).with_running(1));
    let (bank, ..) = world.link();
    let deposit = |nonce| {
        bank.deposit(5)
            .metadata(with(Nonce::new([nonce; Nonce::LEN])))
    };
    let first = start(deposit(1));
    world.seen.expect(Saw::Began).await;
    failed_as(deposit(2).await, FailureKind::Busy);
    world.open();
    assert_eq!(first.await.unwrap(), 1);
    assert_eq!(deposit(2).await.unwrap(), 2);
    failed_as(deposit(3).await, FailureKind::Busy);
    assert_eq!(deposit(1).await.unwrap(), 1);
    assert_eq!(bank.deposit(5).await.unwrap(), 3);
}
