//! Calls and their responses.

use futures::future::join_all;
use roam_core::raw::RemoteChannel;
use roam_core::{
    CallError, Context, DecodeError, FailureKind, Metadata, MetadataValue, MethodDescriptor,
    MethodId, NoDispatcher, RoamError, Rx, Schema, ServiceDispatcher, Tx, client::CallFailure, rt,
    server::IncomingCall, service,
};
use serde::{Deserialize, Serialize};

use super::harness::{link, yield_now};

runs! {
    call_returns_the_value
    inline_methods_respond
    method_errors_keep_their_type
    unserved_methods_are_unknown
    context_describes_the_call
    malformed_arguments_are_invalid
    wrong_number_of_channels_is_invalid
    malformed_response_fails_the_call
    oversized_arguments_are_not_sent
    metadata_over_a_limit_is_not_sent
    oversized_result_is_reported
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Schema)]
enum MathError {
    DivisionByZero { dividend: i64 },
}

#[derive(Debug, Serialize, Deserialize, Schema)]
struct Nest {
    kids: Vec<Nest>,
}

#[service]
trait Lab {
    async fn nothing(&self);
    async fn echo(&self, text: String) -> String;
    #[roam(inline)]
    async fn double(&self, number: u32) -> u32;
    #[roam(inline)]
    async fn wait_and_double(&self, number: u32) -> u32;
    async fn divide(&self, dividend: i64, divisor: i64) -> Result<i64, MathError>;
    async fn zeros(&self, len: u32) -> Vec<u8>;
    async fn depth(&self, nest: Nest) -> u32;
    async fn channels(&self, tx: Tx<u8>, rx: Rx<u8>) -> Vec<u64>;
    async fn told(&self) -> Vec<(String, String)>;
    async fn fine(&self, fine: bool);
}

struct Handler;

impl Lab for Handler {
    async fn nothing(&self, _: &Context) {}

    async fn echo(&self, _: &Context, text: String) -> String {
        text
    }

    async fn double(&self, _: &Context, number: u32) -> u32 {
        2 * number
    }

    async fn wait_and_double(&self, _: &Context, number: u32) -> u32 {
        yield_now().await;
        2 * number
    }

    async fn divide(&self, _: &Context, dividend: i64, divisor: i64) -> Result<i64, MathError> {
        dividend
            .checked_div(divisor)
            .ok_or(MathError::DivisionByZero { dividend })
    }

    async fn zeros(&self, _: &Context, len: u32) -> Vec<u8> {
        vec![0; len as usize]
    }

    async fn depth(&self, _: &Context, nest: Nest) -> u32 {
        let mut depth = 1;
        let mut at = &nest;
        while let Some(kid) = at.kids.first() {
            depth += 1;
            at = kid;
        }
        depth
    }

    async fn channels(&self, cx: &Context, _: Tx<u8>, _: Rx<u8>) -> Vec<u64> {
        cx.channels().iter().map(|channel| channel.0).collect()
    }

    async fn told(&self, cx: &Context) -> Vec<(String, String)> {
        assert_eq!(cx.connection_id(), cx.connection().id());
        assert_eq!(cx.method(), lab_service().methods[8].id);
        assert!(cx.request_id().0 > 0 && cx.deadline().is_none());
        let entry = |(key, value): (&str, &MetadataValue)| (key.to_owned(), format!("{value:?}"));
        cx.metadata().iter().map(entry).collect()
    }

    async fn fine(&self, _: &Context, _: bool) {}
}

fn lab() -> LabClient {
    let (client, _) = link(NoDispatcher, LabDispatcher::new(Handler));
    LabClient::new(client)
}

async fn call_returns_the_value() {
    let lab = lab();
    lab.nothing().await.unwrap();
    assert_eq!(lab.echo("hello".into()).await.unwrap(), "hello");
    let many = join_all((0..100).map(|n| lab.echo(n.to_string()).into_future())).await;
    for (n, text) in many.into_iter().enumerate() {
        assert_eq!(text.unwrap(), n.to_string());
    }
    assert_eq!(lab.zeros(1_000_000).await.unwrap().len(), 1_000_000);
}

async fn inline_methods_respond() {
    let lab = lab();
    assert_eq!(lab.double(4).await.unwrap(), 8);
    assert_eq!(lab.wait_and_double(5).await.unwrap(), 10);
}

async fn method_errors_keep_their_type() {
    let lab = lab();
    assert_eq!(lab.divide(7, 2).await.unwrap(), 3);
    let error = lab.divide(7, 0).await.unwrap_err();
    let math = MathError::DivisionByZero { dividend: 7 };
    assert_eq!(error.clone().into_user(), Some(math.clone()));
    match error.map_user(|error| vec![error]) {
        CallError::Answered(RoamError::User(errors)) => assert_eq!(errors, [math]),
        other => panic!("{other:?}"),
    }
}

async fn unserved_methods_are_unknown() {
    let (client, server) = link(NoDispatcher, LabDispatcher::new(Handler));
    let unknown = |error: &CallError<MathError>| {
        matches!(error, CallError::Answered(RoamError::UnknownMethod))
    };
    let error = LabClient::new(server).divide(1, 1).await.unwrap_err();
    assert!(unknown(&error), "{error:?}");
    assert!(matches!(
        outcome(&client, MethodId(7), &[]).await,
        Outcome::Unknown
    ));
}

/// The outcome of a call with encoded arguments.
#[derive(Debug)]
enum Outcome {
    Value,
    Unknown,
    Invalid,
    Other,
}

async fn outcome(
    client: &roam_core::ConnectionHandle,
    method: MethodId,
    payload: &[u8],
) -> Outcome {
    client.ready().await.unwrap();
    let (call, _) = client
        .call_raw(method, &Metadata::new(), payload, &[])
        .unwrap();
    match call.await.unwrap().payload[..] {
        [0, ..] => Outcome::Value,
        [1, 1] => Outcome::Unknown,
        [1, 2] => Outcome::Invalid,
        _ => Outcome::Other,
    }
}

async fn context_describes_the_call() {
    let lab = lab();
    assert_eq!(lab.told().await.unwrap(), []);
    let metadata = Metadata::new()
        .with("a", "text")
        .with("a", 7_u64)
        .with("b", vec![1_u8, 2]);
    let told = lab.told().metadata(metadata.clone()).await.unwrap();
    let keys: Vec<_> = told.iter().map(|(key, _)| key.as_str()).collect();
    assert_eq!(keys, ["a", "a", "b"]);
    let values: Vec<_> = metadata
        .iter()
        .map(|(_, value)| format!("{value:?}"))
        .collect();
    assert!(told.iter().map(|(_, value)| value).eq(&values));

    let ((tx, _rx), (_tx, rx)) = (roam_core::channel(), roam_core::channel());
    let channels = lab.channels(tx, rx).await.unwrap();
    assert!(
        channels.len() == 2 && channels.iter().all(|id| id % 2 == 1),
        "{channels:?}"
    );
}

async fn malformed_arguments_are_invalid() {
    let (client, _) = link(NoDispatcher, LabDispatcher::new(Handler));
    let id = |name: &str| {
        lab_service()
            .methods
            .iter()
            .find(|m| m.name == name)
            .unwrap()
            .id
    };
    let deep = vec![1; 200_000];
    let invalid: &[(&str, &[u8])] = &[
        ("echo", &[]),
        ("echo", &[5, b'x']),
        ("echo", &[1, 0xff]),
        ("echo", &[0x80, 0]),
        ("echo", &[1, b'x', 0]),
        ("echo", &[0xff; 100]),
        ("nothing", &[0]),
        ("double", &[0xff, 0xff, 0xff, 0xff, 0x1f]),
        ("fine", &[2]),
        ("depth", &deep),
    ];
    for (method, payload) in invalid {
        let outcome = outcome(&client, id(method), payload).await;
        assert!(matches!(outcome, Outcome::Invalid), "{method}: {outcome:?}");
    }
    let mut nest = vec![1; 60];
    nest.push(0);
    assert!(matches!(
        outcome(&client, id("depth"), &nest).await,
        Outcome::Value
    ));
}

async fn wrong_number_of_channels_is_invalid() {
    use roam_core::proto::Direction::{Receive, Send};

    let (client, _) = link(NoDispatcher, LabDispatcher::new(Handler));
    client.ready().await.unwrap();
    let id = lab_service().methods[7].id;
    for keep in [&[][..], &[Receive], &[Receive, Send, Send]] {
        let (call, channels) = client
            .call_raw(id, &Metadata::new(), &[0, 0], keep)
            .unwrap();
        assert_eq!(call.await.unwrap().payload[..], [1, 2]);
        for channel in channels {
            assert!(is_reset(&channel).await);
        }
    }
    let (call, _channels) = client
        .call_raw(id, &Metadata::new(), &[0, 0], &[Receive, Send])
        .unwrap();
    assert_eq!(call.await.unwrap().payload[0], 0);
}

/// Returns whether a channel was reset, whichever half is ours.
async fn is_reset(channel: &RemoteChannel) -> bool {
    let received = std::future::poll_fn(|cx| channel.poll_read(cx, 0)).await;
    matches!(received, Err(Some(_)))
}

/// Responds to every call with these bytes.
struct Answers(&'static [u8]);

impl ServiceDispatcher for Answers {
    fn method(&self, _: MethodId) -> Option<&'static MethodDescriptor> {
        None
    }

    fn dispatch(&self, mut call: IncomingCall) -> rt::BoxFuture<'static, ()> {
        let answered = call.respond_raw(&Metadata::new(), self.0, &[]);
        assert_eq!(answered.unwrap().len(), 0);
        Box::pin(async {})
    }
}

async fn malformed_response_fails_the_call() {
    let malformed: &[&[u8]] = &[
        &[],
        &[2],
        &[0, 9],
        &[0, 1, b'x', 0],
        &[1],
        &[1, 4],
        &[1, 1, 0],
        &[1, 0],
    ];
    for answer in malformed {
        let (client, _) = link(NoDispatcher, Answers(answer));
        let error = LabClient::new(client)
            .echo(String::new())
            .await
            .unwrap_err();
        assert!(
            matches!(error, CallError::Decode(_)),
            "{answer:?}: {error:?}"
        );
    }
    let (client, _) = link(NoDispatcher, Answers(&[1, 0, 9]));
    let error = LabClient::new(client).divide(1, 1).await.unwrap_err();
    assert!(
        matches!(error, CallError::Decode(DecodeError::Malformed { .. })),
        "{error:?}"
    );
    let (client, _) = link(NoDispatcher, Answers(&[1, 3]));
    let error = LabClient::new(client)
        .echo(String::new())
        .await
        .unwrap_err();
    assert!(
        matches!(error, CallError::Answered(RoamError::Cancelled)),
        "{error:?}"
    );
}

async fn oversized_arguments_are_not_sent() {
    let lab = lab();
    let error = lab.echo("x".repeat(1 << 20)).await.unwrap_err();
    let (len, max) = ((1 << 20) + 3, 1 << 20);
    assert!(
        matches!(error, CallFailure::TooLarge { len: l, max: m } if l == len && m == max),
        "{error:?}"
    );
    assert_eq!(
        error.to_string(),
        "arguments of 1048579 bytes exceed the limit of 1048576 bytes: the smaller \
         `Config::max_payload_size` of both peers"
    );
    assert_eq!(lab.echo("x".into()).await.unwrap(), "x");
}

async fn metadata_over_a_limit_is_not_sent() {
    let lab = lab();
    let metadata = Metadata::new().with("key", "x".repeat(20_000));
    let error = lab.nothing().metadata(metadata).await.unwrap_err();
    assert!(matches!(error, CallError::Metadata(_)), "{error:?}");
    lab.nothing().await.unwrap();
}

async fn oversized_result_is_reported() {
    let lab = lab();
    let CallError::Failed(failure) = lab.zeros(5 << 20).await.unwrap_err() else {
        panic!("the result is too large")
    };
    assert_eq!(failure.kind, FailureKind::TooLarge);
    assert_eq!(
        failure.reason.as_deref(),
        Some(
            "a payload of 5242885 bytes exceeds the smaller max_payload_size of both peers, \
             1048576 (in TypeScript: maxPayloadSize)"
        )
    );
    lab.nothing().await.unwrap();
}
