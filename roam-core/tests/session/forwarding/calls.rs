//! Calls through a proxy.

use futures::future::{join, join_all};
use roam_core::proto::{Direction, Event, Outcome};
use roam_core::rt::BoxFuture;
use roam_core::{
    CallError, Config, Failure, FailureKind, Limits, Metadata, MetadataValue, MethodDescriptor,
    MethodId, NoDispatcher, RoamError, ServiceDispatcher, channel, proxy::ForwardingDispatcher,
    server::IncomingCall,
};

use super::super::harness::{
    Events, events, link, link_with, poll_now, settle, until_idle, yield_now,
};
use super::super::raw_peer::RawPeer;
use super::{Proxied, Saw, SiteClient, site_service};

runs! {
    calls_are_forwarded
    many_concurrent_calls_are_forwarded
    method_errors_are_forwarded
    unserved_methods_are_unknown
    malformed_arguments_are_invalid
    metadata_is_forwarded_both_ways
    deadline_is_forwarded_with_the_time_left
    calls_to_the_client_are_forwarded
    dropped_call_is_cancelled_upstream
    late_response_is_dropped
    call_too_large_for_upstream_is_reported
    result_too_large_for_downstream_is_reported
    excess_channels_upstream_are_answered_busy
    excess_channels_of_a_result_are_answered_busy
}

runs_where_panics_unwind! {
    panic_is_reported
}

async fn calls_are_forwarded() {
    let proxied = Proxied::new().await;
    assert_eq!(proxied.site().echo("hello".into()).await.unwrap(), "hello");
    let text = "long ".repeat(100_000);
    assert_eq!(proxied.site().echo(text.clone()).await.unwrap(), text);
    proxied.until_idle().await;
}

async fn many_concurrent_calls_are_forwarded() {
    let proxied = Proxied::new().await;
    let calls = (0..1_000).map(|n: u32| {
        let site = proxied.site();
        async move { (n.to_string(), site.echo(n.to_string()).await) }
    });
    for (sent, answer) in join_all(calls).await {
        assert_eq!(answer.unwrap(), sent);
    }
    proxied.until_idle().await;
}

async fn method_errors_are_forwarded() {
    let proxied = Proxied::new().await;
    let error = proxied.site().fail("so".into()).await.unwrap_err();
    assert_eq!(error.into_user().as_deref(), Some("so"));
}

async fn unserved_methods_are_unknown() {
    let proxied = Proxied::new().await;
    let none = Metadata::new();
    let call = proxied.client.call_raw(MethodId(1), &none, &[], &[]);
    let answer = call.unwrap().0.await.unwrap();
    let (metadata, payload) = Outcome::UnknownMethod.response();
    assert_eq!(metadata, none);
    assert_eq!((&answer.payload[..], answer.metadata), (payload, none));
}

async fn malformed_arguments_are_invalid() {
    let proxied = Proxied::new().await;
    let echo = site_service().methods[1].id;
    let none = Metadata::new();
    let (call, channels) = proxied
        .client
        .call_raw(echo, &none, &[9], &[Direction::Send])
        .unwrap();
    let answer = call.await.unwrap();
    assert_eq!(answer.payload[..], *Outcome::InvalidPayload.response().1);
    channels[0].reset();
    proxied.until_idle().await;
}

async fn panic_is_reported() {
    let proxied = Proxied::new().await;
    let error = proxied.site().panic().await.unwrap_err();
    assert!(
        matches!(
            error,
            CallError::Failed(Failure {
                kind: FailureKind::Panic,
                ..
            })
        ),
        "{error:?}"
    );
}

/// Metadata and payload of a call.
type Called = (Vec<(String, MetadataValue)>, Vec<u8>);

/// Responds with fixed bytes and reports each call.
struct Bytes {
    called: Events<Called>,
    metadata: Metadata,
    payload: Vec<u8>,
}

impl ServiceDispatcher for Bytes {
    fn method(&self, _: MethodId) -> Option<&'static MethodDescriptor> {
        None
    }

    fn dispatch(&self, mut call: IncomingCall) -> BoxFuture<'static, ()> {
        let metadata = call.context().metadata().iter();
        let metadata = metadata.map(|(key, value)| (key.to_owned(), value.clone()));
        self.called
            .tell((metadata.collect(), call.payload().to_vec()));
        call.respond_raw(&self.metadata, &self.payload, &[])
            .unwrap();
        Box::pin(async {})
    }
}

async fn metadata_is_forwarded_both_ways() {
    let there = Metadata::new()
        .with("traceparent", "00-1-2-3")
        .with("twice", 1)
        .with("twice", MetadataValue::Bytes(vec![1, 2]))
        .with("", "");
    let back = Metadata::new().with("roam-error", "other").with("b", 2);
    // The proxy does not decode payloads, so malformed ones pass too.
    for payload in [
        vec![0, 1, 2, 3],
        vec![1, 3],
        vec![1, 0, 9],
        vec![77],
        vec![],
    ] {
        let (called, mut seen) = events();
        let server = Bytes {
            called,
            metadata: back.clone(),
            payload: payload.clone(),
        };
        let (up, _server) = link(NoDispatcher, server);
        let (client, _down) = link(NoDispatcher, ForwardingDispatcher::new(up));
        client.ready().await.unwrap();
        let (call, _) = client.call_raw(MethodId(5), &there, &[7, 8], &[]).unwrap();
        let answer = call.await.unwrap();
        assert_eq!(
            (answer.metadata, answer.payload.to_vec()),
            (back.clone(), payload)
        );
        let entries = there
            .iter()
            .map(|(key, value)| (key.to_owned(), value.clone()));
        seen.expect((entries.collect(), vec![7, 8])).await;
    }
}

async fn deadline_is_forwarded_with_the_time_left() {
    let (called, mut seen) = events();
    let server = Bytes {
        called,
        metadata: Metadata::new(),
        payload: vec![0],
    };
    let (up, _server) = link(NoDispatcher, server);
    let (client, _down) = link(NoDispatcher, ForwardingDispatcher::new(up));
    client.ready().await.unwrap();
    let metadata = Metadata::new()
        .with("a", 1)
        .with("roam-deadline-ms", 1_000_000)
        .with("b", 2);
    let (call, _) = client.call_raw(MethodId(5), &metadata, &[], &[]).unwrap();
    call.await.unwrap();
    let (entries, _) = seen.next().await;
    let keys: Vec<_> = entries.iter().map(|(key, _)| key.as_str()).collect();
    assert_eq!(keys, ["a", "roam-deadline-ms", "b"]);
    let MetadataValue::U64(left) = entries[1].1 else {
        panic!("{entries:?}");
    };
    assert!((1..=1_000_000).contains(&left), "{left}");
}

async fn calls_to_the_client_are_forwarded() {
    let proxied = Proxied::new().await;
    assert_eq!(proxied.site().name().await.unwrap(), "server");
    assert_eq!(proxied.site().name_of_caller().await.unwrap(), "client");
    let client = SiteClient::new(proxied.server.clone());
    let (tx, mut rx) = channel();
    let (counted, received) = join(client.count(3, tx).into_future(), async {
        let mut received = Vec::new();
        while let Some(number) = rx.recv().await.unwrap() {
            received.push(number);
        }
        received
    })
    .await;
    counted.unwrap();
    assert_eq!(received, [0, 1, 2]);
    proxied.until_idle().await;
}

async fn dropped_call_is_cancelled_upstream() {
    let mut proxied = Proxied::new().await;
    let site = proxied.site();
    let ((tx, rx), (back, mut received)) = (channel(), channel());
    let mut call = Box::pin(site.hold(rx, back).into_future());
    assert!(poll_now(&mut call).is_pending());
    proxied.seen.expect(Saw::Began).await;
    drop(call);
    proxied.seen.expect(Saw::Stopped).await;
    assert!(tx.send(1).await.is_err());
    assert!(received.recv().await.is_err());
    drop((tx, received));
    proxied.until_idle().await;
}

async fn late_response_is_dropped() {
    let (mut server, up) = RawPeer::server(NoDispatcher);
    server.shake_hands().await;
    let (client, down) = link(NoDispatcher, ForwardingDispatcher::new(up.clone()));
    client.ready().await.unwrap();
    let none = Metadata::new();
    let (call, _) = client.call_raw(MethodId(5), &none, &[], &[]).unwrap();
    let request = server
        .until(|event| match event {
            Event::Request(request) => Some(request),
            _ => None,
        })
        .await;
    drop(call);
    let (connection, id) = server
        .until(|event| match event {
            Event::Cancelled {
                connection,
                request,
            } => Some((connection, request)),
            _ => None,
        })
        .await;
    assert_eq!((connection, id), (request.connection, request.request));
    server.link.calls(connection).handler_finished(id);
    server.flush().await;
    until_idle(&client).await;
    until_idle(&down).await;
    // The server's machine has responded with Cancelled for its handler.
    for _ in 0..1_000_000 {
        if up.stats().stray_responses == 1 {
            return;
        }
        yield_now().await;
    }
    panic!("{:?}", up.stats());
}

fn at_most(max_payload_size: u32) -> Config {
    Config::default().with_max_payload_size(max_payload_size)
}

async fn call_too_large_for_upstream_is_reported() {
    let proxied = Proxied::with(&at_most(10_000), &at_most(1_000)).await;
    let error = proxied.site().echo("a".repeat(2_000)).await.unwrap_err();
    assert!(
        matches!(
            &error,
            CallError::Failed(Failure {
                kind: FailureKind::TooLarge,
                reason: Some(reason),
                ..
            }) if reason.contains("limit of 1000 bytes")
        ),
        "{error:?}"
    );
    assert_eq!(
        proxied.site().echo("a".repeat(900)).await.unwrap().len(),
        900
    );
    proxied.until_idle().await;
}

async fn result_too_large_for_downstream_is_reported() {
    let proxied = Proxied::with(&at_most(1_000), &at_most(10_000)).await;
    let error = proxied.site().zeros(2_000).await.unwrap_err();
    assert!(
        matches!(
            error,
            CallError::Failed(Failure {
                kind: FailureKind::TooLarge,
                ..
            })
        ),
        "{error:?}"
    );
    assert_eq!(proxied.site().zeros(900).await.unwrap().len(), 900);
    proxied.until_idle().await;
}

fn channels_at_most(sending_channels: usize) -> Config {
    Config::default().with_limits(Limits::default().with_sending_channels(sending_channels))
}

async fn excess_channels_upstream_are_answered_busy() {
    let proxied = Proxied::with(&Config::default(), &channels_at_most(1)).await;
    let ((_tx, rx), (back, mut received)) = (channel(), channel());
    let error = proxied.site().double(rx, back).await.unwrap_err();
    assert!(
        matches!(
            error,
            CallError::Failed(Failure {
                kind: FailureKind::Busy,
                ..
            })
        ),
        "{error:?}"
    );
    assert!(received.recv().await.is_err());
    let (tx, rx) = channel();
    drop(tx);
    assert_eq!(proxied.site().sum(rx).await.unwrap(), 0);
}

async fn excess_channels_of_a_result_are_answered_busy() {
    // Nothing may be sent on channels towards the client.
    let client = Config::default().with_limits(Limits::default().with_sending_channels(0));
    let (server, _) = super::peer("server");
    let (up, _server) = link(NoDispatcher, server);
    let forwarder = ForwardingDispatcher::new(up.clone());
    let (client, down) = link_with(NoDispatcher, &Config::default(), forwarder, &client);
    let error = SiteClient::new(client.clone()).doubler().await.unwrap_err();
    assert!(
        matches!(
            error,
            CallError::Failed(Failure {
                kind: FailureKind::Busy,
                ..
            })
        ),
        "{error:?}"
    );
    settle(&client).await;
    for handle in [&client, &down, &up] {
        until_idle(handle).await;
    }
    let error = SiteClient::new(client).fail("so".into()).await.unwrap_err();
    assert!(matches!(error, CallError::Answered(RoamError::User(_))));
}
