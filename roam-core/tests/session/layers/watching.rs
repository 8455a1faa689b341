//! Outgoing calls that a layer watches.

use std::task::{Context as TaskContext, Poll};

use roam_core::proto::Outcome;
use roam_core::{Caller, ConnectionHandle};
use roam_core::{
    Context, NoDispatcher, Rx, Tx, channel,
    client::{CallerService, LayeredCaller, OutgoingCall},
    rt, service,
};
use tower_layer::layer_fn;
use tower_service::Service;

use super::super::harness::{Events, Seen, events, link, start};

runs! {
    call_without_channels_ends_with_its_answer
    call_ends_after_its_argument_that_receives
    call_ends_after_its_argument_that_sends
    call_ends_after_the_channel_that_it_returned
    lost_link_ends_a_call_and_its_channels
    dropped_call_ends_unanswered
}

#[service]
trait Streams {
    async fn nothing(&self);
    async fn take(&self, numbers: Rx<u32>);
    async fn give(&self, numbers: Tx<u32>);
    async fn open(&self) -> Rx<u32>;
    async fn wait(&self);
}

#[derive(Clone)]
struct Handler(Events<Saw>);

impl Streams for Handler {
    async fn nothing(&self, _: &Context) {}

    async fn take(&self, _: &Context, mut numbers: Rx<u32>) {
        rt::spawn(async move { while let Ok(Some(_)) = numbers.recv().await {} });
    }

    async fn give(&self, _: &Context, numbers: Tx<u32>) {
        rt::spawn(async move { drop(numbers.send(1).await) });
    }

    async fn open(&self, _: &Context) -> Rx<u32> {
        let (tx, rx) = channel();
        rt::spawn(async move { drop(tx.send(1).await) });
        rx
    }

    async fn wait(&self, _: &Context) {
        self.0.tell(Saw::Waits);
        std::future::pending::<()>().await;
    }
}

#[derive(Clone, Debug, PartialEq)]
enum Saw {
    Waits,
    Answered(Option<Outcome>),
    Ended,
}

const VALUE: Saw = Saw::Answered(Some(Outcome::Value(())));

/// Reports the answer and the end of each call.
#[derive(Clone)]
struct Log<S> {
    events: Events<Saw>,
    inner: S,
}

impl<S: Service<OutgoingCall>> Service<OutgoingCall> for Log<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut TaskContext<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut call: OutgoingCall) -> S::Future {
        let (watch, events) = (call.watch(), self.events.clone());
        rt::spawn(async move {
            let answered = watch.answered().await;
            events.tell(Saw::Answered(answered.map(|answered| answered.outcome)));
            assert_eq!(watch.ended().await, answered);
            events.tell(Saw::Ended);
        });
        self.inner.call(call)
    }
}

fn streams() -> (StreamsClient<impl Caller>, ConnectionHandle, Seen<Saw>) {
    let (events, seen) = events();
    let (client, server) = link(
        NoDispatcher,
        StreamsDispatcher::new(Handler(events.clone())),
    );
    let layer = layer_fn(move |inner: CallerService<ConnectionHandle>| Log {
        events: events.clone(),
        inner,
    });
    let client = StreamsClient::new(LayeredCaller::new(client, &layer));
    (client, server, seen)
}

async fn call_without_channels_ends_with_its_answer() {
    let (streams, _server, mut seen) = streams();
    streams.nothing().await.unwrap();
    seen.expect(VALUE).await;
    seen.expect(Saw::Ended).await;
}

async fn call_ends_after_its_argument_that_receives() {
    let (streams, _server, mut seen) = streams();
    let (tx, numbers) = channel();
    streams.take(numbers).await.unwrap();
    seen.expect(VALUE).await;
    tx.send(1).await.unwrap();
    seen.expect_nothing();
    tx.close();
    seen.expect(Saw::Ended).await;
}

async fn call_ends_after_its_argument_that_sends() {
    let (streams, _server, mut seen) = streams();
    let (numbers, mut rx) = channel();
    streams.give(numbers).await.unwrap();
    seen.expect(VALUE).await;
    assert_eq!(rx.recv().await.unwrap(), Some(1));
    seen.expect_nothing();
    assert_eq!(rx.recv().await.unwrap(), None);
    seen.expect(Saw::Ended).await;
}

async fn call_ends_after_the_channel_that_it_returned() {
    let (streams, _server, mut seen) = streams();
    let mut rx = streams.open().await.unwrap();
    seen.expect(VALUE).await;
    assert_eq!(rx.recv().await.unwrap(), Some(1));
    seen.expect_nothing();
    assert_eq!(rx.recv().await.unwrap(), None);
    seen.expect(Saw::Ended).await;
}

async fn lost_link_ends_a_call_and_its_channels() {
    let (streams, server, mut seen) = streams();
    let (_tx, numbers) = channel();
    streams.take(numbers).await.unwrap();
    seen.expect(VALUE).await;
    let waiting = start(streams.wait());
    seen.expect(Saw::Waits).await;
    seen.expect_nothing();
    server.close("");
    assert!(waiting.await.is_err());
    let mut rest = [seen.next().await, seen.next().await, seen.next().await];
    rest.sort_by_key(|saw| *saw == Saw::Ended);
    assert_eq!(rest, [Saw::Answered(None), Saw::Ended, Saw::Ended]);
}

async fn dropped_call_ends_unanswered() {
    let (streams, _server, mut seen) = streams();
    let waiting = start(streams.wait());
    seen.expect(Saw::Waits).await;
    drop(waiting);
    seen.expect(Saw::Answered(None)).await;
    seen.expect(Saw::Ended).await;
}
