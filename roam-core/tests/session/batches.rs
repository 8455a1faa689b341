//! When a driver sends queued frames, and when it receives more first.

use std::collections::VecDeque;
use std::future::pending;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use roam_core::proto::{Close, ConnectionId, Event, Framing, Link, Role};
use roam_core::transport::{Transport, TransportError};
use roam_core::{
    Config, Metadata, MethodId, NoDispatcher, RequestId, accept, connect, proto, service,
};

use super::harness::{Events, events, poll_now, start};
use super::raw_peer::RawPeer;

runs! {
    responses_to_a_quarter_of_calls_go_before_the_next_frame
    response_is_sent_while_the_peer_keeps_sending
    driver_yields_while_receiving_many_bytes
    driver_yields_after_many_incoming_calls
    driver_yields_after_waking_a_few_callers
    inline_calls_are_processed_without_yielding
    driver_waits_while_others_queue_messages
    responses_received_before_a_lost_link_are_kept
}

#[service]
trait Echo {
    #[roam(inline)]
    async fn echo(&self, number: u32) -> u32;
    async fn never(&self);
}

struct Handler;

impl Echo for Handler {
    async fn echo(&self, _: &roam_core::Context, number: u32) -> u32 {
        number
    }

    async fn never(&self, _: &roam_core::Context) {
        pending::<()>().await;
    }
}

/// What a driver did with its transport.
#[derive(Debug, PartialEq)]
enum Step {
    Received,
    Sent(Bytes),
}

/// A transport with prepared frames to receive, which accepts every frame sent.
struct Script {
    frames: VecDeque<Bytes>,
    steps: Events<Step>,
}

impl Transport for Script {
    fn framing(&self) -> Framing {
        Framing::Packed
    }

    fn poll_receive(&mut self, _: &mut Context<'_>) -> Poll<Result<Bytes, TransportError>> {
        let Some(frame) = self.frames.pop_front() else {
            return Poll::Pending;
        };
        self.steps.tell(Step::Received);
        Poll::Ready(Ok(frame))
    }

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), TransportError>> {
        Poll::Ready(Ok(()))
    }

    fn start_send(&mut self, frame: Bytes) -> Result<(), TransportError> {
        self.steps.tell(Step::Sent(frame));
        Ok(())
    }

    fn poll_flush(&mut self, _: &mut Context<'_>) -> Poll<Result<(), TransportError>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(&mut self, _: &Close, _: &mut Context<'_>) -> Poll<Result<(), TransportError>> {
        Poll::Ready(Ok(()))
    }
}

/// Returns the peer's machine, ready to call, and its Hello.
fn peer() -> (Link, Bytes) {
    let mut peer = Link::new(
        Role::Initiator,
        Framing::Packed,
        &Config::client(),
        Duration::ZERO,
    );
    let hello = peer.poll_transmit().unwrap();
    let config = Config::default();
    let mut other = Link::new(Role::Acceptor, Framing::Packed, &config, Duration::ZERO);
    peer.handle_frame(&other.poll_transmit().unwrap());
    (peer, hello)
}

/// Returns a frame with `count` calls of `echo`.
fn calls(peer: &mut Link, count: u8) -> Bytes {
    for number in 0..count {
        call(peer, 0, &[number]);
    }
    peer.poll_transmit().unwrap()
}

fn call(peer: &mut Link, method: usize, payload: &[u8]) -> RequestId {
    let method = echo_service().methods[method].id;
    let called = peer
        .calls(ConnectionId::ROOT)
        .request(method, &Metadata::new(), &[], payload);
    called.unwrap().0
}

async fn responses_to_a_quarter_of_calls_go_before_the_next_frame() {
    let (mut peer, hello) = peer();
    let frames = VecDeque::from([hello, calls(&mut peer, 8), calls(&mut peer, 8)]);
    let (steps, mut seen) = events();
    let (_server, driver) = accept(Script { frames, steps })
        .dispatcher(EchoDispatcher::new(Handler))
        .drive();
    let _driver = start(driver);
    seen.expect(Step::Received).await;
    assert!(
        matches!(seen.next().await, Step::Sent(_)),
        "expected a Hello"
    );
    while peer.poll_event().is_some() {}
    for _ in 0..2 {
        seen.expect(Step::Received).await;
        let Step::Sent(answers) = seen.next().await else {
            panic!("received more before sending the responses")
        };
        peer.handle_frame(&answers);
        for _ in 0..8 {
            assert!(matches!(peer.poll_event(), Some(Event::Response(_))));
        }
    }
    seen.expect_nothing();
}

async fn response_is_sent_while_the_peer_keeps_sending() {
    let (mut peer, hello) = peer();
    for _ in 0..16 {
        call(&mut peer, 1, &[]);
    }
    let unanswered = peer.poll_transmit().unwrap();
    let mut frames = VecDeque::from([hello, unanswered, calls(&mut peer, 1)]);
    // Cancels of a call that has already ended have no effect.
    let ended = call(&mut peer, 0, &[0]);
    drop(peer.poll_transmit());
    peer.calls(ConnectionId::ROOT).cancel(ended);
    let cancel = peer.poll_transmit().unwrap();
    frames.extend(std::iter::repeat_n(cancel, 200));
    let (steps, mut seen) = events();
    let (_server, driver) = accept(Script { frames, steps })
        .dispatcher(EchoDispatcher::new(Handler))
        .drive();
    let _driver = start(driver);
    seen.expect(Step::Received).await;
    assert!(
        matches!(seen.next().await, Step::Sent(_)),
        "expected a Hello"
    );
    let mut received = 0;
    while seen.next().await == Step::Received {
        received += 1;
    }
    assert!(
        received < 100,
        "received {received} frames before responding"
    );
}

async fn driver_yields_while_receiving_many_bytes() {
    const FRAMES: usize = 100;
    let (mut peer, hello) = peer();
    let mut frames = VecDeque::from([hello]);
    for _ in 0..FRAMES {
        let payload = &[0; 10_000];
        let called =
            peer.calls(ConnectionId::ROOT)
                .request(MethodId(0), &Metadata::new(), &[], payload);
        called.unwrap();
        frames.push_back(peer.poll_transmit().unwrap());
    }
    let (steps, mut seen) = events();
    let (_server, mut driver) = accept(Script { frames, steps })
        .dispatcher(EchoDispatcher::new(Handler))
        .drive();
    let mut received = Vec::new();
    while received.iter().sum::<usize>() < 1 + FRAMES {
        assert!(poll_now(&mut driver).is_pending());
        let steps = std::iter::from_fn(|| seen.try_next());
        received.push(steps.filter(|step| *step == Step::Received).count());
    }
    assert!(received.len() > 2, "did not yield: {received:?}");
}

async fn driver_yields_after_many_incoming_calls() {
    const CALLS: usize = 250;
    let (mut peer, hello) = peer();
    for _ in 0..CALLS {
        call(&mut peer, 1, &[]);
    }
    let frames = VecDeque::from([hello, peer.poll_transmit().unwrap()]);
    let (steps, _seen) = events();
    let (server, mut driver) = accept(Script { frames, steps })
        .dispatcher(EchoDispatcher::new(Handler))
        .drive();
    let mut received = vec![0];
    while received.last() != Some(&CALLS) {
        assert!(poll_now(&mut driver).is_pending());
        received.push(server.stats().incoming_calls);
    }
    let most = received.windows(2).map(|it| it[1] - it[0]).max();
    assert!(most <= Some(160), "{received:?}");
}

async fn driver_yields_after_waking_a_few_callers() {
    const CALLS: usize = 100;
    let (mut peer, server, mut driver) = RawPeer::server_with_driver(NoDispatcher);
    assert!(poll_now(&mut driver).is_pending());
    peer.shake_hands().await;
    assert!(poll_now(&mut driver).is_pending());
    let client = EchoClient::new(server.clone());
    let mut calls: Vec<_> = (0..CALLS).map(|_| client.echo(7).into_future()).collect();
    for call in &mut calls {
        assert!(poll_now(call).is_pending());
    }
    assert!(poll_now(&mut driver).is_pending());
    answer(&mut peer, CALLS).await;
    let mut in_flight = vec![CALLS];
    while in_flight.last() != Some(&0) {
        assert!(poll_now(&mut driver).is_pending());
        in_flight.push(server.stats().outgoing_calls);
    }
    let most = in_flight.windows(2).map(|it| it[0] - it[1]).max();
    assert!(most <= Some(16), "{in_flight:?}");
}

async fn inline_calls_are_processed_without_yielding() {
    let (mut peer, hello) = peer();
    let frames = VecDeque::from([hello, calls(&mut peer, 100)]);
    let (steps, mut seen) = events();
    let (_server, mut driver) = accept(Script { frames, steps })
        .dispatcher(EchoDispatcher::new(Handler))
        .drive();
    assert!(poll_now(&mut driver).is_pending());
    let steps = std::iter::from_fn(|| seen.try_next());
    let answers = steps.filter_map(|step| match step {
        Step::Sent(frame) => Some(frame),
        Step::Received => None,
    });
    answers.skip(1).for_each(|frame| peer.handle_frame(&frame));
    let answered = std::iter::from_fn(|| peer.poll_event());
    assert_eq!(
        answered
            .filter(|it| matches!(it, Event::Response(_)))
            .count(),
        100
    );
}

async fn driver_waits_while_others_queue_messages() {
    let config = Config::default();
    let mut peer = Link::new(Role::Acceptor, Framing::Packed, &config, Duration::ZERO);
    let frames = VecDeque::from([peer.poll_transmit().unwrap()]);
    let (steps, mut seen) = events();
    let (client, mut driver) = connect(Script { frames, steps }).drive();
    let client = EchoClient::new(client);
    let mut sent = || {
        assert!(poll_now(&mut driver).is_pending());
        let steps = std::iter::from_fn(|| seen.try_next());
        steps.filter(|step| matches!(step, Step::Sent(_))).count()
    };
    assert_eq!(sent(), 1, "expected a Hello");
    let mut calls = Vec::new();
    let mut call = || {
        let mut call = client.never().into_future();
        assert!(poll_now(&mut call).is_pending());
        calls.push(call);
    };
    (0..30).for_each(|_| call());
    assert_eq!(sent(), 1, "expected a batch");
    call();
    assert_eq!(sent(), 0);
    call();
    assert_eq!(sent(), 0);
    assert_eq!(sent(), 1);
}

async fn responses_received_before_a_lost_link_are_kept() {
    const CALLS: usize = 100;
    let (mut peer, client) = RawPeer::server(NoDispatcher);
    peer.shake_hands().await;
    client.ready().await.unwrap();
    let client = EchoClient::new(client);
    let mut calls: Vec<_> = (0..CALLS).map(|_| client.echo(7).into_future()).collect();
    for call in &mut calls {
        assert!(poll_now(call).is_pending());
    }
    answer(&mut peer, CALLS).await;
    peer.vanish();
    for call in calls {
        assert_eq!(call.await.unwrap(), 7);
    }
    assert!(client.echo(7).await.is_err());
}

/// Responds to the next `calls` calls in one frame.
async fn answer(peer: &mut RawPeer, calls: usize) {
    let mut requests = Vec::new();
    while requests.len() < calls {
        if let Event::Request(request) = peer.event().await {
            requests.push(request.request);
        }
    }
    for request in requests {
        let (root, none) = (ConnectionId::ROOT, Metadata::new());
        let answered =
            peer.link
                .calls(root)
                .respond(request, &none, &[], &[0, 7], proto::Handler::Finished);
        answered.unwrap();
    }
    peer.flush().await;
}
