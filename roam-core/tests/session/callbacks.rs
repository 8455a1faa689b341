//! Calls in both directions on one link.

use std::sync::Arc;

use futures::future::join_all;
use roam_core::{
    CallError, ConnectionHandle, Context, NoDispatcher, RoamError, RoutedDispatcher, Rx, Tx,
    channel, rt, service,
};

use super::harness::{link, until_idle};

runs! {
    both_peers_call_each_other
    handler_calls_its_caller
    callbacks_nest_deeply
    handler_streams_from_and_to_its_caller
    services_share_a_connection
    first_matching_route_wins
}

#[service]
trait Descend {
    /// Calls back and forth until `depth` is 0; returns the number of calls.
    async fn descend(&self, depth: u32) -> u32;
    async fn ask(&self) -> Option<String>;
    async fn mirror(&self) -> Vec<u32>;
}

#[service]
trait Named {
    async fn name(&self) -> String;
    async fn reflect(&self, numbers: Rx<u32>, back: Tx<u32>);
}

struct Both(&'static str);

impl Descend for Both {
    async fn descend(&self, cx: &Context, depth: u32) -> u32 {
        if depth == 0 {
            return 0;
        }
        let peer = DescendClient::new(cx.connection().clone());
        1 + peer.descend(depth - 1).await.unwrap()
    }

    async fn ask(&self, cx: &Context) -> Option<String> {
        let name = NamedClient::new(cx.connection().clone()).name().await;
        match name {
            Ok(name) => Some(format!("{} asked {name}", self.0)),
            Err(CallError::Answered(RoamError::UnknownMethod)) => None,
            Err(other) => panic!("{other:?}"),
        }
    }

    async fn mirror(&self, cx: &Context) -> Vec<u32> {
        let peer = NamedClient::new(cx.connection().clone());
        let ((tx, rx), (back, mut received)) = (channel(), channel());
        rt::spawn(async move {
            for number in 0..1_000 {
                tx.send(number).await.unwrap();
            }
        });
        rt::spawn(async move { peer.reflect(rx, back).await.unwrap() });
        let mut numbers = Vec::new();
        while let Some(number) = received.recv().await.unwrap() {
            numbers.push(number);
        }
        numbers
    }
}

impl Named for Both {
    async fn name(&self, _: &Context) -> String {
        self.0.into()
    }

    async fn reflect(&self, _: &Context, mut numbers: Rx<u32>, back: Tx<u32>) {
        while let Some(number) = numbers.recv().await.unwrap() {
            back.send(number).await.unwrap();
        }
    }
}

fn dispatcher(name: &'static str) -> RoutedDispatcher {
    RoutedDispatcher::new()
        .with(DescendDispatcher::new(Both(name)))
        .with(NamedDispatcher::new(Both(name)))
}

fn peers() -> (ConnectionHandle, ConnectionHandle) {
    link(dispatcher("client"), dispatcher("server"))
}

async fn both_peers_call_each_other() {
    let (client, server) = peers();
    let ask = |peer: &ConnectionHandle, answer: &'static str| {
        let named = NamedClient::new(peer.clone());
        join_all((0..100).map(move |_| {
            let named = named.clone();
            async move { assert_eq!(named.name().await.unwrap(), answer) }
        }))
    };
    futures::future::join(ask(&client, "server"), ask(&server, "client")).await;
    until_idle(&client).await;
    until_idle(&server).await;
}

async fn handler_calls_its_caller() {
    let (client, _server) = peers();
    let asked = DescendClient::new(client).ask().await.unwrap();
    assert_eq!(asked.as_deref(), Some("server asked client"));
    let (client, _server) = link(NoDispatcher, dispatcher("server"));
    assert_eq!(DescendClient::new(client).ask().await.unwrap(), None);
}

async fn callbacks_nest_deeply() {
    let (client, server) = peers();
    // Each peer has half of them in flight; its limit is 256.
    assert_eq!(
        DescendClient::new(client.clone())
            .descend(500)
            .await
            .unwrap(),
        500
    );
    until_idle(&client).await;
    until_idle(&server).await;
}

async fn handler_streams_from_and_to_its_caller() {
    let (client, _server) = peers();
    let numbers = DescendClient::new(client).mirror().await.unwrap();
    assert!(numbers.into_iter().eq(0..1_000));
}

async fn services_share_a_connection() {
    let (client, _) = link(NoDispatcher, dispatcher("server"));
    let (descend, named) = (DescendClient::new(client.clone()), NamedClient::new(client));
    assert_eq!(descend.descend(0).await.unwrap(), 0);
    assert_eq!(named.name().await.unwrap(), "server");
}

async fn first_matching_route_wins() {
    let one = Arc::new(NamedDispatcher::new(Both("first")));
    let inner = RoutedDispatcher::new().with(NoDispatcher).with(one);
    let all = inner.with(NamedDispatcher::new(Both("second")));
    let routed = RoutedDispatcher::new()
        .with(all)
        .with(DescendDispatcher::new(Both("third")));
    assert!(format!("{routed:?}").contains('2'));
    let (client, _) = link(NoDispatcher, routed);
    assert_eq!(
        NamedClient::new(client.clone()).name().await.unwrap(),
        "first"
    );
    assert_eq!(DescendClient::new(client).descend(0).await.unwrap(), 0);
    let (client, _) = link(NoDispatcher, RoutedDispatcher::new());
    let error = NamedClient::new(client).name().await.unwrap_err();
    assert!(
        matches!(error, CallError::Answered(RoamError::UnknownMethod)),
        "{error:?}"
    );
}
