//! Callers and handlers that differ in what a `Result` holds, which method ids do not cover.

mod sending;

use std::fmt::Debug;

use roam_core::introspection::{explain, introspection};
use roam_core::proto::Outcome;
use roam_core::rt::BoxFuture;
use roam_core::{
    CallError, Context, Failure, FailureKind, Metadata, MethodDescriptor, MethodId, NoDispatcher,
    RoutedDispatcher, Rx, Schema, ServiceDispatcher, Tx, channel,
    nonce::{NONCE_KEY, Nonce, NonceDispatcher},
    proxy::ForwardingDispatcher,
    server::IncomingCall,
    service,
};
use serde::{Deserialize, Serialize};

use super::harness::{Events, Seen, events, link, until_idle};

runs! {
    other_order_of_fields_is_a_mismatch
    mismatch_is_found_in_both_directions
    nothing_is_decoded
    channels_of_a_mismatch_are_reset
    mismatch_passes_through_a_proxy
    mismatch_leaves_the_nonce_unused
    kept_answer_does_not_reach_another_signature
    call_without_a_signature_is_accepted
    explain_names_the_first_difference
}

/// The service as one side knows it.
mod net_first {
    use super::*;

    #[service]
    pub(super) trait Shop {
        #[roam(inline)]
        async fn price(&self, item: String) -> Result<Price, String>;
        async fn follow(&self, items: Rx<u32>, prices: Tx<u32>) -> Result<Price, String>;
    }

    #[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, Schema)]
    pub(super) struct Price {
        pub(super) net: u32,
        pub(super) tax: u32,
    }
}

/// The service as the other side knows it. Its method ids are the same.
mod tax_first {
    use super::*;

    #[service]
    pub(super) trait Shop {
        #[roam(inline)]
        async fn price(&self, item: String) -> Result<Price, String>;
        async fn follow(&self, items: Rx<u32>, prices: Tx<u32>) -> Result<Price, String>;
    }

    #[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, Schema)]
    pub(super) struct Price {
        pub(super) tax: u32,
        pub(super) net: u32,
    }
}

use net_first::ShopClient;

/// What has reached the server.
#[derive(Clone, Debug, PartialEq)]
enum Saw {
    /// A call, with the signature that it carried.
    Call(Option<u64>),
    Handler,
}

/// Sells at a net price of 100 and a tax of 19.
struct Handler(Events<Saw>);

impl net_first::Shop for Handler {
    async fn price(&self, cx: &Context, item: String) -> Result<net_first::Price, String> {
        self.0.tell(Saw::Handler);
        assert_eq!(cx.metadata().get_u64("roam-signature"), None);
        if item == "nothing" {
            return Err(item);
        }
        Ok(net_first::Price { net: 100, tax: 19 })
    }

    async fn follow(
        &self,
        _: &Context,
        _: Rx<u32>,
        _: Tx<u32>,
    ) -> Result<net_first::Price, String> {
        self.0.tell(Saw::Handler);
        Ok(net_first::Price { net: 100, tax: 19 })
    }
}

impl tax_first::Shop for Handler {
    async fn price(&self, _: &Context, _: String) -> Result<tax_first::Price, String> {
        self.0.tell(Saw::Handler);
        Ok(tax_first::Price { tax: 19, net: 100 })
    }

    async fn follow(
        &self,
        _: &Context,
        _: Rx<u32>,
        _: Tx<u32>,
    ) -> Result<tax_first::Price, String> {
        self.0.tell(Saw::Handler);
        Ok(tax_first::Price { tax: 19, net: 100 })
    }
}

/// Tells which calls arrive, and passes them on.
#[derive(Clone)]
struct Recording<D>(D, Events<Saw>);

impl<D: ServiceDispatcher> ServiceDispatcher for Recording<D> {
    fn method(&self, id: MethodId) -> Option<&'static MethodDescriptor> {
        self.0.method(id)
    }

    fn dispatch(&self, call: IncomingCall) -> BoxFuture<'static, ()> {
        let signature = call.context().metadata().get_u64("roam-signature");
        self.1.tell(Saw::Call(signature));
        self.0.dispatch(call)
    }
}

/// Serves the service as callers know it.
fn same() -> (Recording<net_first::ShopDispatcher<Handler>>, Seen<Saw>) {
    let (saw, seen) = events();
    let shop = net_first::ShopDispatcher::new(Handler(saw.clone()));
    (Recording(shop, saw), seen)
}

/// Serves the service in another way than callers know it.
fn other() -> (tax_first::ShopDispatcher<Handler>, Seen<Saw>) {
    let (saw, seen) = events();
    (tax_first::ShopDispatcher::new(Handler(saw)), seen)
}

fn price() -> &'static MethodDescriptor {
    &net_first::shop_service().methods[0]
}

fn ours() -> u64 {
    price().signature.unwrap().0
}

/// What a handler sees of a call that carries the signature.
fn signed() -> Saw {
    Saw::Call(Some(ours()))
}

const PRICE: net_first::Price = net_first::Price { net: 100, tax: 19 };

fn mismatch_of<T: Debug, E: Debug>(result: Result<T, CallError<E>>) -> Failure {
    match result {
        Err(CallError::Failed(failed)) if failed.kind == FailureKind::SignatureMismatch => failed,
        other => panic!("{other:?}"),
    }
}

async fn other_order_of_fields_is_a_mismatch() {
    let theirs = &tax_first::shop_service().methods[0];
    assert_eq!(price().id, theirs.id);
    let (shop, mut seen) = other();
    let (client, _) = link(NoDispatcher, shop);
    let failure = mismatch_of(ShopClient::new(client.clone()).price("tea".into()).await);
    let expected = format!(
        "Shop.price has the signature {} at the handler, {} at the caller",
        theirs.signature.unwrap(),
        price().signature.unwrap(),
    );
    assert_eq!(failure.reason.as_deref(), Some(&*expected));
    seen.expect_nothing();
    // Who knows the service as it is served goes on.
    let right = tax_first::ShopClient::new(client).price("tea".into()).await;
    assert_eq!(right.unwrap(), tax_first::Price { tax: 19, net: 100 });
    seen.expect(Saw::Handler).await;
}

async fn mismatch_is_found_in_both_directions() {
    let (shop, mut seen) = other();
    let (_client, server) = link(shop, NoDispatcher);
    mismatch_of(ShopClient::new(server).price("tea".into()).await);
    seen.expect_nothing();
}

async fn nothing_is_decoded() {
    let (shop, _seen) = other();
    let (client, _) = link(NoDispatcher, shop);
    client.ready().await.unwrap();
    let called = async |metadata| {
        // No text has this encoding.
        let call = client.call_raw(price().id, &metadata, &[9], &[]);
        call.unwrap().0.await.unwrap()
    };
    let signed = Metadata::new().with("roam-signature", ours());
    let answer = called(signed).await;
    let kind = FailureKind::from_metadata(&answer.metadata);
    assert_eq!(kind, Some(FailureKind::SignatureMismatch));
    let answer = called(Metadata::new()).await;
    assert_eq!(&*answer.payload, Outcome::InvalidPayload.response().1);
}

async fn channels_of_a_mismatch_are_reset() {
    let (shop, mut seen) = other();
    let (client, server) = link(NoDispatcher, shop);
    let (items, for_them) = channel();
    let (from_us, mut prices) = channel::<u32>();
    let called = ShopClient::new(client.clone()).follow(for_them, from_us);
    mismatch_of(called.await);
    assert!(items.send(1).await.is_err());
    assert!(prices.recv().await.is_err());
    seen.expect_nothing();
    drop((items, prices));
    for end in [client, server] {
        until_idle(&end).await;
    }
}

async fn mismatch_passes_through_a_proxy() {
    let (shop, mut seen) = other();
    let (upstream, _server) = link(NoDispatcher, shop);
    let (client, _proxy) = link(NoDispatcher, ForwardingDispatcher::new(upstream));
    mismatch_of(ShopClient::new(client).price("tea".into()).await);
    seen.expect_nothing();
}

const ONE: Nonce = Nonce::new([1; 16]);

fn with_nonce() -> Metadata {
    Metadata::new().with(NONCE_KEY, ONE)
}

async fn mismatch_leaves_the_nonce_unused() {
    let (shop, mut seen) = other();
    let (client, _) = link(NoDispatcher, NonceDispatcher::new(shop));
    let wrong = ShopClient::new(client.clone()).price("tea".into());
    mismatch_of(wrong.metadata(with_nonce()).await);
    seen.expect_nothing();
    let right = tax_first::ShopClient::new(client).price("tea".into());
    right.metadata(with_nonce()).await.unwrap();
    seen.expect(Saw::Handler).await;
}

async fn kept_answer_does_not_reach_another_signature() {
    let (shop, mut seen) = other();
    let (client, _) = link(NoDispatcher, NonceDispatcher::new(shop));
    let right = tax_first::ShopClient::new(client.clone()).price("tea".into());
    right.metadata(with_nonce()).await.unwrap();
    seen.expect(Saw::Handler).await;
    let wrong = ShopClient::new(client).price("tea".into());
    mismatch_of(wrong.metadata(with_nonce()).await);
}

async fn call_without_a_signature_is_accepted() {
    let (shop, mut seen) = other();
    let (client, _) = link(NoDispatcher, shop);
    client.ready().await.unwrap();
    let call = client.call_raw(price().id, &Metadata::new(), &[3, b't', b'e', b'a'], &[]);
    let answer = call.unwrap().0.await.unwrap();
    assert_eq!(answer.payload[..], [0, 19, 100]);
    seen.expect(Saw::Handler).await;
}

async fn explain_names_the_first_difference() {
    let (shop, _seen) = other();
    let services = introspection([tax_first::shop_service()]);
    let server = RoutedDispatcher::new().with(shop).with(services);
    let (client, _) = link(NoDispatcher, server);
    mismatch_of(ShopClient::new(client.clone()).price("tea".into()).await);
    let mismatch = explain(&client, net_first::shop_service(), "price").await;
    assert_eq!(
        mismatch.unwrap().unwrap().to_string(),
        "Shop.price differs: result: fields in a different order"
    );
}
