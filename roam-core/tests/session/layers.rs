//! Layers around calls, what they attach to them, and how they refuse them.

mod refusing;
mod watching;

use std::future::{Ready, ready};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context as TaskContext, Poll};
use std::time::Duration;

use futures::future::Either;
use roam_core::proto::Outcome;
use roam_core::rt::MaybeSend;
use roam_core::{
    CallError, Context, Failure, FailureKind, Identity, Metadata, NoDispatcher, Rx, Tx, channel,
    client::{Answer, CallFailure, LayeredCaller, OutgoingCall},
    proxy::ForwardingDispatcher,
    rt,
    server::{IncomingCall, LayeredDispatcher},
    service,
};
use tower_layer::{Layer, layer_fn};
use tower_service::Service;

use super::harness::{Events, Seen, events, link, start};

runs! {
    layer_sees_call_and_outcome
    layer_sees_forwarded_calls
    layer_sees_the_end_of_the_last_channel
    layer_sees_a_cancelled_call
    layer_refuses_with_reason_and_delay
    error_of_a_service_refuses_the_call
    dropped_call_is_answered_cancelled
    handler_reads_what_a_layer_attached
    extensions_belong_to_their_connection_and_link
    identity_reaches_the_handler
    reply_brings_the_metadata_of_the_answer
    outgoing_layer_changes_and_sees_calls
}

#[service]
trait Shop {
    async fn price(&self, item: String) -> Result<u32, String>;
    async fn count(&self, numbers: Rx<u32>, back: Tx<u32>) -> u32;
    async fn wait(&self);
    /// Returns the tenant that a layer attached, and the peer's name.
    async fn who(&self) -> (Option<String>, Option<String>);
}

#[derive(Clone)]
struct Handler(Events<Saw>);

#[derive(Debug, PartialEq)]
struct Tenant(String);

impl Shop for Handler {
    async fn price(&self, cx: &Context, item: String) -> Result<u32, String> {
        cx.set_answer_metadata(Metadata::new().with("currency", "EUR"));
        let price = u32::try_from(item.len()).unwrap();
        if price > 0 { Ok(price) } else { Err(item) }
    }

    async fn count(&self, _: &Context, mut numbers: Rx<u32>, back: Tx<u32>) -> u32 {
        rt::spawn(async move {
            let mut sum = 0;
            while let Some(number) = numbers.recv().await.unwrap() {
                sum += number;
            }
            back.send(sum).await.unwrap();
            back.close();
        });
        7
    }

    async fn wait(&self, _: &Context) {
        self.0.tell(Saw::Waits);
        std::future::pending::<()>().await;
    }

    async fn who(&self, cx: &Context) -> (Option<String>, Option<String>) {
        let tenant = cx.extensions().get::<Tenant>().map(|it| it.0.clone());
        (tenant, cx.identity().map(|it| it.subject.to_string()))
    }
}

#[derive(Clone, Debug, PartialEq)]
enum Saw {
    Waits,
    Call {
        method: Option<String>,
        tenant: Option<String>,
        size: usize,
        has_deadline: bool,
    },
    Answered(Outcome, usize),
    Ended,
}

/// Reports each call, its answer and the end of its channels.
#[derive(Clone)]
struct Log<S> {
    events: Events<Saw>,
    inner: S,
}

impl<S: Service<IncomingCall>> Service<IncomingCall> for Log<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut TaskContext<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut call: IncomingCall) -> S::Future {
        self.events.tell(Saw::Call {
            method: call.descriptor().map(|method| method.name.to_string()),
            tenant: call
                .context()
                .metadata()
                .get_str("tenant")
                .map(str::to_owned),
            size: call.payload().len(),
            has_deadline: call.context().deadline().is_some(),
        });
        let (watch, events) = (call.watch(), self.events.clone());
        rt::spawn(async move {
            let answered = watch.answered().await;
            events.tell(Saw::Answered(answered.outcome, answered.size));
            assert_eq!(watch.ended().await, answered);
            events.tell(Saw::Ended);
        });
        self.inner.call(call)
    }
}

/// A layer that reports to `events`.
#[derive(Clone)]
struct LogLayer(Events<Saw>);

impl<S> Layer<S> for LogLayer {
    type Service = Log<S>;

    fn layer(&self, inner: S) -> Log<S> {
        let events = self.0.clone();
        Log { events, inner }
    }
}

/// Does to each call what a function says, which returns the call or a refusal.
#[derive(Clone)]
struct Gate<S, F> {
    check: F,
    inner: S,
}

impl<S, F> Service<IncomingCall> for Gate<S, F>
where
    S: Service<IncomingCall, Response = (), Error = Failure>,
    F: FnMut(IncomingCall) -> Result<IncomingCall, Result<(), Failure>>,
{
    type Response = ();
    type Error = Failure;
    type Future = Either<Ready<Result<(), Failure>>, S::Future>;

    fn poll_ready(&mut self, cx: &mut TaskContext<'_>) -> Poll<Result<(), Failure>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, call: IncomingCall) -> Self::Future {
        match (self.check)(call) {
            Ok(call) => Either::Right(self.inner.call(call)),
            Err(refused) => Either::Left(ready(refused)),
        }
    }
}

/// Opens a link to a shop whose calls are logged.
fn shop() -> (ShopClient, Seen<Saw>) {
    let (events, seen) = events();
    let shop = ShopDispatcher::new(Handler(events.clone()));
    let (client, _) = link(
        NoDispatcher,
        LayeredDispatcher::new(shop, &LogLayer(events)),
    );
    (ShopClient::new(client), seen)
}

/// Opens a link to a shop whose calls pass a gate.
fn gated<F>(check: F) -> ShopClient
where
    F: FnMut(IncomingCall) -> Result<IncomingCall, Result<(), Failure>>
        + Clone
        + Send
        + Sync
        + 'static,
{
    let shop = ShopDispatcher::new(Handler(events().0));
    let gate = layer_fn(move |inner| Gate {
        check: check.clone(),
        inner,
    });
    let (client, _) = link(NoDispatcher, LayeredDispatcher::new(shop, &gate));
    ShopClient::new(client)
}

fn call(method: &str, tenant: Option<&str>, size: usize, has_deadline: bool) -> Saw {
    Saw::Call {
        method: Some(method.to_owned()),
        tenant: tenant.map(str::to_owned),
        size,
        has_deadline,
    }
}

async fn layer_sees_call_and_outcome() {
    let (shop, mut seen) = shop();
    let tea = shop.price("tea".to_owned()).timeout(Duration::from_mins(1));
    let acme = Metadata::new().with("tenant", "acme");
    assert_eq!(tea.metadata(acme).await.unwrap(), 3);
    seen.expect(call("price", Some("acme"), 4, true)).await;
    seen.expect(Saw::Answered(Outcome::Value(()), 2)).await;
    seen.expect(Saw::Ended).await;
    assert!(shop.price(String::new()).await.is_err());
    seen.expect(call("price", None, 1, false)).await;
    seen.expect(Saw::Answered(Outcome::Error(()), 3)).await;
    seen.expect(Saw::Ended).await;
}

async fn layer_sees_forwarded_calls() {
    let (events, mut seen) = events();
    let (upstream, _) = link(NoDispatcher, ShopDispatcher::new(Handler(events.clone())));
    let proxy = ForwardingDispatcher::new(upstream);
    let (client, _) = link(
        NoDispatcher,
        LayeredDispatcher::new(proxy, &LogLayer(events)),
    );
    assert_eq!(
        ShopClient::new(client).price("tea".into()).await.unwrap(),
        3
    );
    seen.expect(Saw::Call {
        method: None,
        tenant: None,
        size: 4,
        has_deadline: false,
    })
    .await;
    seen.expect(Saw::Answered(Outcome::Value(()), 2)).await;
    seen.expect(Saw::Ended).await;
}

async fn layer_sees_the_end_of_the_last_channel() {
    let (shop, mut seen) = shop();
    let ((tx, numbers), (back, mut rx)) = (channel(), channel());
    assert_eq!(shop.count(numbers, back).await.unwrap(), 7);
    seen.next().await;
    seen.expect(Saw::Answered(Outcome::Value(()), 2)).await;
    tx.send(40).await.unwrap();
    tx.send(2).await.unwrap();
    seen.expect_nothing();
    tx.close();
    assert_eq!(rx.recv().await.unwrap(), Some(42));
    assert_eq!(rx.recv().await.unwrap(), None);
    seen.expect(Saw::Ended).await;
}

async fn layer_sees_a_cancelled_call() {
    let (shop, mut seen) = shop();
    let waiting = start(shop.wait());
    seen.expect(call("wait", None, 0, false)).await;
    seen.expect(Saw::Waits).await;
    drop(waiting);
    seen.expect(Saw::Answered(Outcome::Cancelled, 2)).await;
    seen.expect(Saw::Ended).await;
}

async fn layer_refuses_with_reason_and_delay() {
    let limit = Failure::new(FailureKind::ResourceExhausted)
        .with_reason("3 calls a minute")
        .with_retry_after(Duration::from_secs(20));
    let (calls, refusal) = (Arc::new(AtomicU32::new(0)), limit.clone());
    let shop = gated(move |call| {
        if calls.fetch_add(1, Ordering::Relaxed) < 3 {
            return Ok(call);
        }
        let _answered = call.refuse(&refusal);
        Err(Ok(()))
    });
    for _ in 0..3 {
        assert_eq!(shop.price("tea".into()).await.unwrap(), 3);
    }
    match shop.price("tea".into()).await {
        Err(CallError::Failed(failure)) => assert_eq!(failure, limit),
        other => panic!("{other:?}"),
    }
}

async fn error_of_a_service_refuses_the_call() {
    let denied = Failure::new(FailureKind::PermissionDenied).with_reason("only for owners");
    let refusal = denied.clone();
    let shop = gated(move |call| {
        drop(call);
        Err(Err(refusal.clone()))
    });
    match shop.price("tea".into()).await {
        Err(CallError::Failed(failure)) => assert_eq!(failure, denied),
        other => panic!("{other:?}"),
    }
}

async fn dropped_call_is_answered_cancelled() {
    let shop = gated(|call| {
        drop(call);
        Err(Ok(()))
    });
    let error = shop.price("tea".into()).await.unwrap_err();
    assert_eq!(error.to_string(), "cancelled");
}

async fn handler_reads_what_a_layer_attached() {
    let shop = gated(|call| {
        let tenant = Tenant("acme".to_owned());
        call.context().extensions().insert(tenant);
        Ok(call)
    });
    let (tenant, peer) = shop.who().await.unwrap();
    assert_eq!((tenant.as_deref(), peer), (Some("acme"), None));
}

async fn extensions_belong_to_their_connection_and_link() {
    let (client, server) = link(NoDispatcher, NoDispatcher);
    let mut incoming = server.listen();
    let connecting = client.connect(Metadata::new(), NoDispatcher);
    let accepting = async {
        let connect = incoming.next().await.unwrap();
        connect.accept(&Metadata::new(), NoDispatcher).unwrap()
    };
    let (virtual_one, _) = futures::future::join(connecting, accepting).await;
    let virtual_one = virtual_one.unwrap();
    client.extensions().insert(Tenant("root".to_owned()));
    virtual_one
        .extensions()
        .insert(Tenant("virtual".to_owned()));
    client.link_extensions().insert(Tenant("link".to_owned()));
    let name = |tenant: Option<Arc<Tenant>>| tenant.unwrap().0.clone();
    assert_eq!(name(client.clone().extensions().get()), "root");
    assert_eq!(name(virtual_one.extensions().get()), "virtual");
    assert_eq!(name(virtual_one.link_extensions().get()), "link");
    assert!(server.extensions().get::<Tenant>().is_none());
}

async fn identity_reaches_the_handler() {
    let shop = ShopDispatcher::new(Handler(events().0));
    let (client, server) = link(NoDispatcher, shop);
    let shop = ShopClient::new(client);
    assert_eq!(shop.who().await.unwrap(), (None, None));
    server.set_identity(Identity::new("alice"));
    assert_eq!(shop.who().await.unwrap().1.as_deref(), Some("alice"));
}

async fn reply_brings_the_metadata_of_the_answer() {
    let (shop, _seen) = shop();
    let reply = shop.price("tea".to_owned()).reply().await.unwrap();
    assert_eq!(reply.value, 3);
    assert_eq!(reply.metadata.get_str("currency"), Some("EUR"));
}

/// Adds a tenant to each call and reports the outcome.
#[derive(Clone)]
struct Outgoing<S> {
    events: Events<(String, Option<bool>)>,
    inner: S,
}

impl<S> Service<OutgoingCall> for Outgoing<S>
where
    S: Service<OutgoingCall, Response = Answer, Error = CallFailure>,
    S::Future: MaybeSend + Unpin + 'static,
{
    type Response = Answer;
    type Error = CallFailure;
    type Future = Pin<Box<dyn OutgoingFuture>>;

    fn poll_ready(&mut self, cx: &mut TaskContext<'_>) -> Poll<Result<(), CallFailure>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut call: OutgoingCall) -> Self::Future {
        let name = call.method.name.to_string();
        call.metadata.push("tenant", "acme");
        let (answer, events) = (self.inner.call(call), self.events.clone());
        Box::pin(async move {
            let answer = answer.await;
            let is_value = answer.as_ref().ok().map(|answer| {
                let outcome = Outcome::decode(&answer.payload, &answer.metadata);
                matches!(outcome, Some(Outcome::Value(_)))
            });
            events.tell((name, is_value));
            answer
        })
    }
}

trait OutgoingFuture: Future<Output = Result<Answer, CallFailure>> + MaybeSend {}
impl<F: Future<Output = Result<Answer, CallFailure>> + MaybeSend> OutgoingFuture for F {}

async fn outgoing_layer_changes_and_sees_calls() {
    let (saw, mut seen) = events();
    let shop = ShopDispatcher::new(Handler(saw.clone()));
    let (client, _) = link(NoDispatcher, LayeredDispatcher::new(shop, &LogLayer(saw)));
    let (events, mut outcomes) = events::<(String, Option<bool>)>();
    let layer = layer_fn(move |inner| Outgoing {
        events: events.clone(),
        inner,
    });
    let shop = ShopClient::new(LayeredCaller::new(client, &layer));
    assert_eq!(shop.price("tea".into()).await.unwrap(), 3);
    seen.expect(call("price", Some("acme"), 4, false)).await;
    outcomes.expect(("price".to_owned(), Some(true))).await;
    assert!(shop.price(String::new()).await.is_err());
    outcomes.expect(("price".to_owned(), Some(false))).await;
}
