//! Tracing: a span for each handler, and traces that continue in a handler's own calls.

use std::fmt::{Debug, Write as _};
use std::future::{Future, pending};
use std::sync::{Arc, Mutex};

use roam_core::{Context, Metadata, NoDispatcher, service};
use tokio::runtime::Builder;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Subscriber};

use super::harness::{link, poll_now, settle};

const TRACEPARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

runs! {
    handler_sees_a_valid_trace
    child_call_continues_its_parents_trace
    child_call_keeps_a_trace_of_its_own
}

#[service]
trait Traced {
    async fn work(&self);
    #[roam(inline)]
    async fn work_inline(&self);
    async fn stay(&self);
    /// Returns what the handler sees: `traceparent`, and the metadata's `tracestate`.
    async fn trace(&self) -> [Option<String>; 2];
    /// Returns what the caller's handler sees in a child call, which may set its own `traceparent`.
    async fn trace_back(&self, own: Option<String>) -> [Option<String>; 2];
}

struct Handler;

/// Logs when it is dropped.
struct Guard;

impl Drop for Guard {
    fn drop(&mut self) {
        tracing::warn!("dropped");
    }
}

impl Traced for Handler {
    async fn work(&self, _: &Context) {
        tokio::task::yield_now().await;
        tracing::warn!("working");
    }

    async fn work_inline(&self, _: &Context) {
        tracing::warn!("working");
    }

    async fn stay(&self, _: &Context) {
        let _guard = Guard;
        pending::<()>().await;
    }

    async fn trace(&self, cx: &Context) -> [Option<String>; 2] {
        [cx.traceparent(), cx.metadata().get_str("tracestate")].map(|text| text.map(str::to_owned))
    }

    async fn trace_back(&self, cx: &Context, own: Option<String>) -> [Option<String>; 2] {
        let mut call = TracedClient::new(cx.connection().clone()).trace();
        if let Some(own) = own {
            call = call.metadata(Metadata::new().with("traceparent", own));
        }
        cx.child_call(call).await.unwrap()
    }
}

fn client() -> TracedClient {
    let (client, _) = link(
        TracedDispatcher::new(Handler),
        TracedDispatcher::new(Handler),
    );
    TracedClient::new(client)
}

fn traced(traceparent: &str) -> Metadata {
    Metadata::new()
        .with("traceparent", traceparent)
        .with("tracestate", "vendor=1")
}

fn texts(texts: [Option<&str>; 2]) -> [Option<String>; 2] {
    texts.map(|text| text.map(str::to_owned))
}

async fn handler_sees_a_valid_trace() {
    let client = client();
    assert_eq!(client.trace().await.unwrap(), [None, None]);
    let call = client.trace().metadata(traced(TRACEPARENT));
    let seen = texts([Some(TRACEPARENT), Some("vendor=1")]);
    assert_eq!(call.await.unwrap(), seen);
    let malformed = client.trace().metadata(traced("00-none-of-01"));
    assert_eq!(malformed.await.unwrap(), texts([None, Some("vendor=1")]));
    let a_number = Metadata::new().with("traceparent", 7);
    let a_number = client.trace().metadata(a_number);
    assert_eq!(a_number.await.unwrap(), [None, None]);
}

async fn child_call_continues_its_parents_trace() {
    let client = client();
    assert_eq!(client.trace_back(None).await.unwrap(), [None, None]);
    let call = client.trace_back(None).metadata(traced(TRACEPARENT));
    let seen = texts([Some(TRACEPARENT), Some("vendor=1")]);
    assert_eq!(call.await.unwrap(), seen);
    let malformed = client.trace_back(None).metadata(traced("malformed"));
    assert_eq!(malformed.await.unwrap(), [None, None]);
}

async fn child_call_keeps_a_trace_of_its_own() {
    let own = TRACEPARENT.replace("4bf", "000");
    let call = client().trace_back(Some(own.clone()));
    let seen = call.metadata(traced(TRACEPARENT)).await.unwrap();
    assert_eq!(seen, [Some(own), None]);
}

/// Records roam's spans, and these tests' events with the span of each.
#[derive(Clone, Default)]
struct Recorder(Arc<Mutex<Recorded>>);

#[derive(Default)]
struct Recorded {
    /// Name, level and fields.
    spans: Vec<String>,
    /// The positions of the entered spans.
    entered: Vec<u64>,
    /// The text of each event and the position of its span.
    events: Vec<(String, Option<u64>)>,
}

impl Recorder {
    /// Runs a test on one thread with this as its subscriber.
    fn listen(self, test: impl Future<Output = ()>) {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        tracing::subscriber::with_default(self, || runtime.block_on(test));
    }

    fn spans(&self) -> Vec<String> {
        self.0.lock().unwrap().spans.clone()
    }

    fn events(&self) -> Vec<(String, Option<u64>)> {
        self.0.lock().unwrap().events.clone()
    }
}

impl Subscriber for Recorder {
    fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
        metadata.is_span() && metadata.target().starts_with("roam_core")
            || metadata.target() == module_path!()
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        let metadata = span.metadata();
        let mut text = Text(format!("{} {}", metadata.level(), metadata.name()));
        span.record(&mut text);
        let mut recorded = self.0.lock().unwrap();
        recorded.spans.push(text.0);
        Id::from_u64(recorded.spans.len() as u64)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut text = Text(String::new());
        event.record(&mut text);
        let mut recorded = self.0.lock().unwrap();
        let within = recorded.entered.last().copied();
        recorded.events.push((text.0, within));
    }

    fn enter(&self, span: &Id) {
        self.0.lock().unwrap().entered.push(span.into_u64());
    }

    fn exit(&self, _: &Id) {
        self.0.lock().unwrap().entered.pop();
    }
}

/// Formats fields as text.
struct Text(String);

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        write!(self.0, " {field}={value:?}").unwrap();
    }
}

#[test]
fn handler_runs_in_a_span_that_describes_its_call() {
    let recorder = Recorder::default();
    let seen = recorder.clone();
    recorder.listen(async move {
        let client = client();
        client.work().await.unwrap();
        let call = client.work_inline().metadata(traced(TRACEPARENT));
        call.await.unwrap();
        let call = client.work().metadata(traced("malformed"));
        call.await.unwrap();
        let span = |method, request, more| {
            format!(
                "INFO rpc rpc.system=\"roam\" rpc.service=\"Traced\" rpc.method=\"{method}\" \
                 connection=0 request={request}{more}"
            )
        };
        let trace = format!(" traceparent=\"{TRACEPARENT}\"");
        assert_eq!(
            seen.spans(),
            [
                span("work", 1, ""),
                span("work_inline", 2, &trace),
                span("work", 3, "")
            ]
        );
        let working = |span| (" message=working".to_owned(), Some(span));
        assert_eq!(seen.events(), [working(1), working(2), working(3)]);
    });
}

#[test]
fn aborted_handler_is_dropped_in_its_span() {
    let recorder = Recorder::default();
    let seen = recorder.clone();
    recorder.listen(async move {
        let (client, _) = link(NoDispatcher, TracedDispatcher::new(Handler));
        client.ready().await.unwrap();
        let mut call = TracedClient::new(client.clone()).stay().into_future();
        assert!(poll_now(&mut call).is_pending());
        settle(&client).await;
        drop(call);
        settle(&client).await;
        assert_eq!(seen.events(), [(" message=dropped".to_owned(), Some(1))]);
    });
}
