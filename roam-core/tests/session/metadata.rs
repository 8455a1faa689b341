//! Metadata limits, which the sender enforces with an error that names the limit.

use std::time::Duration;

use roam_core::proto::RequestError;
use roam_core::{
    CallError, Context, Metadata, MetadataError, MethodDescriptor, MethodId, NoDispatcher,
    ServiceDispatcher, rt,
    server::{IncomingCall, RejectError},
    service,
};

use super::harness::{Events, events, link, start};

runs! {
    calls_over_a_limit_are_not_sent
    deadline_on_full_metadata_fails_the_call
    trace_on_full_metadata_fails_the_call
    refused_response_can_be_tried_again
    connects_over_a_limit_are_not_sent
    metadata_refused_on_accept_rejects_the_connect
    metadata_refused_on_reject_is_left_out
}

#[service]
trait Desk {
    async fn nothing(&self);
    /// Makes a child call with full metadata.
    async fn pass_on(&self) -> Option<String>;
}

struct Handler;

impl Desk for Handler {
    async fn nothing(&self, _: &Context) {}

    async fn pass_on(&self, cx: &Context) -> Option<String> {
        let call = DeskClient::new(cx.connection().clone()).nothing();
        let called = cx.child_call(call).metadata(full()).await;
        called.err().map(|error| error.to_string())
    }
}

/// Returns metadata with as many entries as allowed.
fn full() -> Metadata {
    (0..128).map(|n| (n.to_string(), n)).collect()
}

/// Returns metadata that exceeds each limit by one, with the expected error.
fn too_much() -> [(Metadata, MetadataError); 4] {
    let four = (0..4).map(|_| ("", vec![0; 16_384]));
    [
        (full().with("129th", 1), MetadataError::TooManyEntries(129)),
        (
            Metadata::new().with("k".repeat(257), 1),
            MetadataError::KeyTooLong(257),
        ),
        (
            Metadata::new().with("k", vec![0; 16_385]),
            MetadataError::ValueTooLong(16_385),
        ),
        (
            four.chain([("k", Vec::new())]).collect(),
            MetadataError::TooLarge(65_537),
        ),
    ]
}

async fn calls_over_a_limit_are_not_sent() {
    let (client, _) = link(NoDispatcher, DeskDispatcher::new(Handler));
    let desk = DeskClient::new(client.clone());
    for (metadata, expected) in too_much() {
        let error = desk.nothing().metadata(metadata).await.unwrap_err();
        assert!(
            matches!(error, CallError::Metadata(error) if error == expected),
            "{error:?}"
        );
        assert_eq!(client.stats().outgoing_calls, 0);
    }
    desk.nothing().metadata(full()).await.unwrap();
}

async fn deadline_on_full_metadata_fails_the_call() {
    let (client, _) = link(NoDispatcher, DeskDispatcher::new(Handler));
    let desk = DeskClient::new(client);
    let (long, bytes) = (Duration::from_hours(1), |len| vec![0; len]);
    let one_less: Metadata = (1..128).map(|n| (n.to_string(), n)).collect();
    let (key, largest) = ("roam-deadline-ms".len(), 16_384);
    let mut almost_full = Metadata::new();
    for len in [largest, largest, largest, largest - key - 8] {
        almost_full.push("", bytes(len));
    }
    for fits in [one_less, almost_full.clone()] {
        desk.nothing().metadata(fits).timeout(long).await.unwrap();
    }
    for (full, expected) in [
        (full(), MetadataError::TooManyEntries(129)),
        (
            almost_full.with("", bytes(1)),
            MetadataError::TooLarge(65_537),
        ),
    ] {
        let call = desk.nothing().metadata(full.clone());
        let error = call.timeout(long).await.unwrap_err();
        assert!(
            matches!(error, CallError::Metadata(error) if error == expected),
            "{error:?}"
        );
        desk.nothing().metadata(full).await.unwrap();
    }
}

async fn trace_on_full_metadata_fails_the_call() {
    let desk = || DeskDispatcher::new(Handler);
    let (client, _) = link(desk(), desk());
    let desk = DeskClient::new(client);
    assert_eq!(desk.pass_on().await.unwrap(), None);
    let traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let traced = Metadata::new().with("traceparent", traceparent);
    let error = desk.pass_on().metadata(traced).await.unwrap();
    assert_eq!(
        error.as_deref(),
        Some("129 metadata entries, MAX_ENTRIES is 128")
    );
}

/// Tries to respond with too much metadata, then responds.
struct Answers(Events<MetadataError>);

impl ServiceDispatcher for Answers {
    fn method(&self, _: MethodId) -> Option<&'static MethodDescriptor> {
        None
    }

    fn dispatch(&self, mut call: IncomingCall) -> rt::BoxFuture<'static, ()> {
        for (metadata, _) in too_much() {
            match call.respond_raw(&metadata, &[0], &[]) {
                Err(RequestError::Metadata(error)) => self.0.tell(error),
                other => panic!("{other:?}"),
            }
        }
        let answered = call.respond_raw(&full(), &[0], &[]);
        assert!(answered.is_ok());
        Box::pin(async {})
    }
}

async fn refused_response_can_be_tried_again() {
    let (refused, mut seen) = events();
    let (client, _) = link(NoDispatcher, Answers(refused));
    DeskClient::new(client).nothing().await.unwrap();
    for (_, expected) in too_much() {
        seen.expect(expected).await;
    }
}

async fn connects_over_a_limit_are_not_sent() {
    let (client, server) = link(NoDispatcher, NoDispatcher);
    let mut asked = server.listen();
    for (metadata, expected) in too_much() {
        let error = client.connect(metadata, NoDispatcher).await.unwrap_err();
        assert!(
            matches!(error, RejectError::Metadata(error) if error == expected),
            "{error:?}"
        );
    }
    let asking = start(async move { client.connect(full(), NoDispatcher).await });
    assert_eq!(asked.next().await.unwrap().metadata(), &full());
    assert!(asking.await.is_err());
}

async fn metadata_refused_on_accept_rejects_the_connect() {
    let (client, server) = link(NoDispatcher, NoDispatcher);
    let mut asked = server.listen();
    for (metadata, expected) in too_much() {
        let client = client.clone();
        let asking = start(async move { client.connect(Metadata::new(), NoDispatcher).await });
        let accepted = asked.next().await.unwrap().accept(&metadata, NoDispatcher);
        assert_eq!(accepted.unwrap_err(), RequestError::Metadata(expected));
        let error = asking.await.unwrap_err();
        assert!(matches!(error, RejectError::Rejected { .. }), "{error:?}");
    }
}

async fn metadata_refused_on_reject_is_left_out() {
    let (client, server) = link(NoDispatcher, NoDispatcher);
    let mut asked = server.listen();
    for (metadata, expected) in too_much() {
        let client = client.clone();
        let asking = start(async move { client.connect(Metadata::new(), NoDispatcher).await });
        let asked = asked.next().await.unwrap();
        assert_eq!(asked.reject("no", &metadata), Err(expected));
        match asking.await.unwrap_err() {
            RejectError::Rejected { reason, metadata } => {
                assert_eq!((&*reason, metadata.len()), ("no", 0));
            }
            other => panic!("{other:?}"),
        }
    }
}
