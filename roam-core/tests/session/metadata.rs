//! The bounds on metadata are kept by who sends it, with an error that names the bound.

use std::time::Duration;

use roam_core::proto::Refused;
use roam_core::{
    CallError, Context, IncomingCall, Metadata, MetadataError, MethodDescriptor, MethodId,
    NoDispatcher, RejectError, ServiceDispatcher, rt, service,
};

use super::harness::{Events, events, link, start};

runs! {
    calls_are_refused_before_the_wire
    a_deadline_on_metadata_that_is_full_is_an_error_of_the_call
    a_trace_on_metadata_that_is_full_is_an_error_of_the_call
    answers_are_refused_and_can_be_given_again
    connects_are_refused_before_the_wire
    what_is_refused_on_accept_rejects
    what_is_refused_on_reject_is_left_out
}

#[service]
trait Desk {
    async fn nothing(&self);
    /// Makes a child call with metadata that is full.
    async fn pass_on(&self) -> Option<String>;
}

struct Handler;

impl Desk for Handler {
    async fn nothing(&self, _: &Context) {}

    async fn pass_on(&self, cx: &Context) -> Option<String> {
        let call = DeskClient::new(cx.connection().clone()).nothing();
        let called = cx.child_call(call).with_metadata(full()).await;
        called.err().map(|error| error.to_string())
    }
}

/// As many entries as there may be.
fn full() -> Metadata {
    (0..128).map(|n| (n.to_string(), n)).collect()
}

/// Metadata that is over one bound each, by one.
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
            MetadataError::TooLarge,
        ),
    ]
}

async fn calls_are_refused_before_the_wire() {
    let (client, _) = link(NoDispatcher, DeskDispatcher::new(Handler));
    let desk = DeskClient::new(client.clone());
    for (metadata, expected) in too_much() {
        let error = desk.nothing().with_metadata(metadata).await.unwrap_err();
        assert!(
            matches!(error, CallError::Metadata(error) if error == expected),
            "{error:?}"
        );
        assert_eq!(client.stats().outgoing_calls, 0);
    }
    desk.nothing().with_metadata(full()).await.unwrap();
}

async fn a_deadline_on_metadata_that_is_full_is_an_error_of_the_call() {
    let (client, _) = link(NoDispatcher, DeskDispatcher::new(Handler));
    let desk = DeskClient::new(client);
    let (long, bytes) = (Duration::from_hours(1), |len| vec![0; len]);
    let one_less: Metadata = (1..128).map(|n| (n.to_string(), n)).collect();
    let (key, largest) = ("roam-deadline-ms".len(), 16_384);
    let mut room = Metadata::new();
    for len in [largest, largest, largest, largest - key - 8] {
        room.push("", bytes(len));
    }
    for fits in [one_less, room.clone()] {
        desk.nothing()
            .with_metadata(fits)
            .with_timeout(long)
            .await
            .unwrap();
    }
    for (full, expected) in [
        (full(), MetadataError::TooManyEntries(129)),
        (room.with("", bytes(1)), MetadataError::TooLarge),
    ] {
        let call = desk.nothing().with_metadata(full.clone());
        let error = call.with_timeout(long).await.unwrap_err();
        assert!(
            matches!(error, CallError::Metadata(error) if error == expected),
            "{error:?}"
        );
        desk.nothing().with_metadata(full).await.unwrap();
    }
}

async fn a_trace_on_metadata_that_is_full_is_an_error_of_the_call() {
    let desk = || DeskDispatcher::new(Handler);
    let (client, _) = link(desk(), desk());
    let desk = DeskClient::new(client);
    assert_eq!(desk.pass_on().await.unwrap(), None);
    let traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let traced = Metadata::new().with("traceparent", traceparent);
    let error = desk.pass_on().with_metadata(traced).await.unwrap();
    assert_eq!(error.as_deref(), Some("129 metadata entries, 128 allowed"));
}

/// Tries to answer with too much metadata before it answers.
struct Answers(Events<MetadataError>);

impl ServiceDispatcher for Answers {
    fn method(&self, _: MethodId) -> Option<&'static MethodDescriptor> {
        None
    }

    fn dispatch(&self, mut call: IncomingCall) -> rt::BoxFuture<'static, ()> {
        for (metadata, _) in too_much() {
            match call.respond_raw(&metadata, &[0], &[]) {
                Err(Refused::Metadata(error)) => self.0.tell(error),
                other => panic!("{other:?}"),
            }
        }
        let answered = call.respond_raw(&full(), &[0], &[]);
        assert!(answered.is_ok());
        Box::pin(async {})
    }
}

async fn answers_are_refused_and_can_be_given_again() {
    let (refused, mut seen) = events();
    let (client, _) = link(NoDispatcher, Answers(refused));
    DeskClient::new(client).nothing().await.unwrap();
    for (_, expected) in too_much() {
        seen.expect(expected).await;
    }
}

async fn connects_are_refused_before_the_wire() {
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

async fn what_is_refused_on_accept_rejects() {
    let (client, server) = link(NoDispatcher, NoDispatcher);
    let mut asked = server.listen();
    for (metadata, expected) in too_much() {
        let client = client.clone();
        let asking = start(async move { client.connect(Metadata::new(), NoDispatcher).await });
        let accepted = asked.next().await.unwrap().accept(&metadata, NoDispatcher);
        assert_eq!(accepted.unwrap_err(), Refused::Metadata(expected));
        let error = asking.await.unwrap_err();
        assert!(matches!(error, RejectError::Rejected { .. }), "{error:?}");
    }
}

async fn what_is_refused_on_reject_is_left_out() {
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
