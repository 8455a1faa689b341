//! Which calls carry the caller's signature.

use futures::future::join;
use roam_core::proto::Framing;
use roam_core::transport::memory_pair;
use roam_core::{RoamError, accept, connect, rt};

use super::*;

runs! {
    calls_carry_the_signature_until_one_is_answered
    own_errors_count_as_answers
    all_first_calls_carry_the_signature
    unknown_methods_are_not_verified
    refusals_are_not_verified
    each_signature_is_verified
    each_virtual_connection_begins_anew
    each_link_begins_anew
    peers_that_only_know_version_2_get_no_signature
    proxies_pass_the_signature_on
    full_metadata_leaves_no_room
}

async fn calls_carry_the_signature_until_one_is_answered() {
    let (shop, mut seen) = same();
    let (client, _) = link(NoDispatcher, shop);
    let shop = ShopClient::new(client);
    for expected in [signed(), Saw::Call(None), Saw::Call(None)] {
        assert_eq!(shop.price("tea".into()).await.unwrap(), PRICE);
        seen.expect(expected).await;
        seen.expect(Saw::Handler).await;
    }
}

async fn own_errors_count_as_answers() {
    let (shop, mut seen) = same();
    let (client, _) = link(NoDispatcher, shop);
    let shop = ShopClient::new(client);
    for expected in [signed(), Saw::Call(None)] {
        let error = shop.price("nothing".into()).await.unwrap_err();
        assert_eq!(error.into_user().as_deref(), Some("nothing"));
        seen.expect(expected).await;
        seen.expect(Saw::Handler).await;
    }
}

async fn all_first_calls_carry_the_signature() {
    let (shop, mut seen) = other();
    let (saw, mut calls) = events();
    let (client, _) = link(NoDispatcher, Recording(shop, saw));
    let shop = ShopClient::new(client);
    let price = || shop.price("tea".into()).into_future();
    let (first, second) = join(price(), price()).await;
    for result in [first, second] {
        mismatch_of(result);
        calls.expect(signed()).await;
    }
    seen.expect_nothing();
}

async fn unknown_methods_are_not_verified() {
    let (saw, mut seen) = events();
    let (client, _) = link(NoDispatcher, Recording(NoDispatcher, saw));
    let shop = ShopClient::new(client);
    for _ in 0..2 {
        let unknown = shop.price("tea".into()).await;
        assert!(
            matches!(unknown, Err(CallError::Answered(RoamError::UnknownMethod))),
            "{unknown:?}"
        );
        seen.expect(signed()).await;
    }
}

/// Refuses every call.
#[derive(Clone)]
struct Refusing;

impl ServiceDispatcher for Refusing {
    fn method(&self, _: MethodId) -> Option<&'static MethodDescriptor> {
        None
    }

    fn dispatch(&self, call: IncomingCall) -> BoxFuture<'static, ()> {
        Box::pin(call.refuse(&FailureKind::PermissionDenied.into()))
    }
}

async fn refusals_are_not_verified() {
    let (saw, mut seen) = events();
    let (client, _) = link(NoDispatcher, Recording(Refusing, saw));
    let shop = ShopClient::new(client);
    for _ in 0..2 {
        let refused = shop.price("tea".into()).await;
        assert!(matches!(refused, Err(CallError::Failed(_))), "{refused:?}");
        seen.expect(signed()).await;
    }
}

async fn each_signature_is_verified() {
    let (shop, _seen) = same();
    let (client, _) = link(NoDispatcher, shop);
    let right = ShopClient::new(client.clone()).price("tea".into());
    assert_eq!(right.await.unwrap(), PRICE);
    mismatch_of(tax_first::ShopClient::new(client).price("tea".into()).await);
}

async fn each_virtual_connection_begins_anew() {
    let (root, mut seen_root) = same();
    let (other, mut seen_other) = other();
    let (client, server) = link(NoDispatcher, root);
    let mut incoming = server.listen();
    let asked = client.connect(Metadata::new(), NoDispatcher);
    let granted = async {
        let asking = incoming.next().await.unwrap();
        asking.accept(&Metadata::new(), other).unwrap()
    };
    let (asked, _granted) = join(asked, granted).await;
    let root = ShopClient::new(client);
    assert_eq!(root.price("tea".into()).await.unwrap(), PRICE);
    mismatch_of(ShopClient::new(asked.unwrap()).price("tea".into()).await);
    assert_eq!(root.price("tea".into()).await.unwrap(), PRICE);
    for expected in [signed(), Saw::Handler, Saw::Call(None), Saw::Handler] {
        seen_root.expect(expected).await;
    }
    seen_other.expect_nothing();
}

async fn each_link_begins_anew() {
    let (shop, mut seen) = same();
    for _ in 0..2 {
        let (client, _) = link(NoDispatcher, shop.clone());
        let price = ShopClient::new(client).price("tea".into());
        assert_eq!(price.await.unwrap(), PRICE);
        seen.expect(signed()).await;
        seen.expect(Saw::Handler).await;
    }
}

async fn peers_that_only_know_version_2_get_no_signature() {
    let (shop, mut seen) = same();
    let (ours, theirs) = memory_pair(Framing::Packed);
    let (client, near) = connect(ours).drive();
    let (_server, far) = accept(theirs).dispatcher(shop).drive();
    rt::spawn(async { drop(join(near, far).await) });
    assert_eq!(
        ShopClient::new(client).price("tea".into()).await.unwrap(),
        PRICE
    );
    for expected in [Saw::Call(None), Saw::Handler] {
        seen.expect(expected).await;
    }
}

async fn proxies_pass_the_signature_on() {
    let (shop, mut seen) = same();
    let (upstream, _server) = link(NoDispatcher, shop);
    for _ in 0..2 {
        let proxy = ForwardingDispatcher::new(upstream.clone());
        let (client, _proxy) = link(NoDispatcher, proxy);
        let shop = ShopClient::new(client);
        // The proxy knows no signatures: each caller tells its own.
        for expected in [signed(), Saw::Call(None)] {
            assert_eq!(shop.price("tea".into()).await.unwrap(), PRICE);
            seen.expect(expected).await;
            seen.expect(Saw::Handler).await;
        }
    }
}

async fn full_metadata_leaves_no_room() {
    let (shop, mut seen) = same();
    let (client, _) = link(NoDispatcher, shop);
    let shop = ShopClient::new(client);
    let metadata = |len| (0..len).map(|n: u64| (n.to_string(), n)).collect();
    for (len, expected) in [(128, Saw::Call(None)), (127, signed())] {
        let price = shop.price("tea".into()).metadata(metadata(len));
        assert_eq!(price.await.unwrap(), PRICE);
        seen.expect(expected).await;
        seen.expect(Saw::Handler).await;
    }
}
