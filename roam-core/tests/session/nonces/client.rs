//! The reconnecting client, which adds nonces and resends calls that have one.

use std::time::Duration;

use roam_core::proto::Outcome;
use roam_core::rt::BoxFuture;
use roam_core::{
    CallError, FailureKind, MethodDescriptor, MethodId, ServiceDispatcher, channel,
    client::ReconnectingClient,
    nonce::{NonceDispatcher, NonceLimits},
    server::IncomingCall,
};

use super::super::harness::{events, start, yield_now};
use super::super::net::{self, Net};
use super::{BankClient, ONE, Saw, bank_service, failed_as, open_world, with, world};

runs! {
    client_resends_a_call_with_a_nonce
    client_keeps_a_nonce_of_the_user
    client_does_not_resend_to_a_restarted_server
    client_does_not_resend_to_a_server_without_nonces
    client_does_not_resend_after_the_minimum_retention
    client_resends_when_lost_before_the_store_is_known
    rejected_repetition_leaves_the_outcome_unknown
    client_adds_no_nonce_where_none_is_needed
}

/// Returns a client that adds a nonce to each call, and its network.
fn client(attempts: u32) -> (BankClient<ReconnectingClient>, Net) {
    let (client, net) = net::client(attempts);
    (BankClient::new(client.with_nonces()), net)
}

fn is_unknown<T>(result: &Result<T, CallError>) -> bool {
    matches!(result, Err(CallError::Lost { sent: true, .. }))
}

async fn client_resends_a_call_with_a_nonce() {
    let mut world = world();
    let (arrived, mut arrivals) = events();
    world.served = world.served.with_identity(move |_| {
        arrived.tell(());
        Vec::new()
    });
    let (bank, mut net) = client(3);
    let call = start(bank.deposit(5));
    for _ in 0..2 {
        let server = net.attempt().await.accept(world.served.clone());
        arrivals.expect(()).await;
        server.kill();
    }
    let _server = net.attempt().await.accept(world.served.clone());
    world.open();
    assert_eq!(call.await.unwrap(), 1);
    world.seen.expect(Saw::Began).await;
    world.seen.expect(Saw::Ended).await;
    world.seen.expect_nothing();
    assert_eq!(bank.deposit(5).await.unwrap(), 2);
}

async fn client_keeps_a_nonce_of_the_user() {
    let mut world = world();
    let (client, mut net) = net::client(3);
    let call = start({
        let bank = BankClient::new(client.clone());
        bank.deposit(5).metadata(with(ONE))
    });
    let server = net.attempt().await.accept(world.served.clone());
    world.seen.expect(Saw::Began).await;
    server.kill();
    let _server = net.attempt().await.accept(world.served.clone());
    world.open();
    assert_eq!(call.await.unwrap(), 1);
    for bank in [
        BankClient::new(client.clone()),
        BankClient::new(client.with_nonces()),
    ] {
        let again = bank.deposit(5).metadata(with(ONE));
        assert_eq!(again.await.unwrap(), 1);
    }
}

async fn client_does_not_resend_to_a_restarted_server() {
    let mut world = world();
    let (bank, mut net) = client(3);
    let call = start(bank.deposit(5));
    let server = net.attempt().await.accept(world.served.clone());
    world.seen.expect(Saw::Began).await;
    server.kill();
    let restarted = NonceDispatcher::new(world.bank.clone());
    let _server = net.attempt().await.accept(restarted);
    let result = call.await;
    assert!(is_unknown(&result), "{result:?}");
    world.open();
    assert_eq!(bank.deposit(5).await.unwrap(), 2);
}

async fn client_does_not_resend_to_a_server_without_nonces() {
    let mut world = world();
    let (bank, mut net) = client(3);
    let call = start(bank.deposit(5));
    let server = net.attempt().await.accept(world.bank.clone());
    world.seen.expect(Saw::Began).await;
    server.kill();
    let result = call.await;
    assert!(is_unknown(&result), "{result:?}");
    net.expect_nothing();
}

async fn client_does_not_resend_after_the_minimum_retention() {
    let mut world = world();
    world.served = world
        .served
        .with_limits(NonceLimits::default().with_min_retention(Duration::ZERO));
    let (bank, mut net) = client(3);
    let call = start(bank.deposit(5));
    let server = net.attempt().await.accept(world.served.clone());
    world.seen.expect(Saw::Began).await;
    server.kill();
    let _server = net.attempt().await.accept(world.served.clone());
    let result = call.await;
    assert!(is_unknown(&result), "{result:?}");
    world.open();
    assert_eq!(bank.deposit(5).await.unwrap(), 2);
}

async fn client_resends_when_lost_before_the_store_is_known() {
    let world = open_world();
    let (client, mut net) = net::client(3);
    let client = client.with_nonces();
    let call = start(BankClient::new(client.clone()).deposit(5));
    let server = net.attempt().await.accept_stalled(world.served.clone());
    let stalled = client.connection().await.unwrap();
    while stalled.stats().outgoing_calls == 0 {
        yield_now().await;
    }
    server.kill();
    let _server = net.attempt().await.accept(world.served.clone());
    assert_eq!(call.await.unwrap(), 1);
}

/// Rejects the bank's calls as busy.
struct TurnsAway(NonceDispatcher);

impl ServiceDispatcher for TurnsAway {
    fn method(&self, id: MethodId) -> Option<&'static MethodDescriptor> {
        self.0.method(id)
    }

    fn dispatch(&self, mut call: IncomingCall) -> BoxFuture<'static, ()> {
        if bank_service().method(call.method()).is_none() {
            return self.0.dispatch(call);
        }
        let (metadata, payload) = Outcome::Failed(FailureKind::Busy).response();
        call.respond_raw(&metadata, payload, &[]).unwrap();
        Box::pin(async {})
    }
}

async fn rejected_repetition_leaves_the_outcome_unknown() {
    let mut world = world();
    let (bank, mut net) = client(3);
    let call = start(bank.deposit(5));
    let server = net.attempt().await.accept(world.served.clone());
    world.seen.expect(Saw::Began).await;
    server.kill();
    let away = TurnsAway(world.served.clone());
    let _server = net.attempt().await.accept(away);
    let result = call.await;
    assert!(is_unknown(&result), "{result:?}");
    failed_as(bank.deposit(6).await, FailureKind::Busy);
}

async fn client_adds_no_nonce_where_none_is_needed() {
    let world = open_world();
    let (bank, mut net) = client(1);
    let with_nonce = start(bank.has_nonce());
    let _server = net.attempt().await.accept(world.served.clone());
    assert!(with_nonce.await.unwrap());
    assert!(!bank.has_nonce_idempotent().await.unwrap());
    let (_tx, rx) = channel();
    assert!(!bank.has_nonce_with_channel(rx).await.unwrap());
}
