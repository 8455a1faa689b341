//! When a driver sends what waits, and when it takes in more first.

use std::collections::VecDeque;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use roam_core::proto::{ConnectionId, Event, Framing, Link, Role};
use roam_core::transport::{Transport, TransportError};
use roam_core::{Config, Metadata, accept, service};

use super::harness::{Events, events, start};

runs! {
    a_quarter_of_the_calls_is_answered_before_more_are_taken_in
}

#[service]
trait Echo {
    #[roam(inline)]
    async fn echo(&self, number: u32) -> u32;
}

struct Handler;

impl Echo for Handler {
    async fn echo(&self, _: &roam_core::Context, number: u32) -> u32 {
        number
    }
}

/// What a driver did with its transport.
#[derive(Debug, PartialEq)]
enum Step {
    Received,
    Sent(Bytes),
}

/// A transport from which some frames can be taken at any time, and that takes any.
struct Script {
    frames: VecDeque<Bytes>,
    steps: Events<Step>,
}

impl Transport for Script {
    fn framing(&self) -> Framing {
        Framing::Packed
    }

    fn poll_receive(&mut self, _: &mut Context<'_>) -> Poll<Result<Option<Bytes>, TransportError>> {
        let Some(frame) = self.frames.pop_front() else {
            return Poll::Pending;
        };
        self.steps.tell(Step::Received);
        Poll::Ready(Ok(Some(frame)))
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

    fn poll_close(&mut self, _: &mut Context<'_>) -> Poll<Result<(), TransportError>> {
        Poll::Ready(Ok(()))
    }
}

/// A machine of the peer that is ready to call, and its Hello.
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

/// A frame with so many calls.
fn calls(peer: &mut Link, count: u8) -> Bytes {
    let method = echo_service().methods[0].id;
    for number in 0..count {
        peer.request(ConnectionId::ROOT, method, &Metadata::new(), &[], &[number])
            .unwrap();
    }
    peer.poll_transmit().unwrap()
}

async fn a_quarter_of_the_calls_is_answered_before_more_are_taken_in() {
    let (mut peer, hello) = peer();
    let frames = VecDeque::from([hello, calls(&mut peer, 8), calls(&mut peer, 8)]);
    let (steps, mut seen) = events();
    let (_server, driver) = accept(
        Script { frames, steps },
        EchoDispatcher::new(Handler),
        &Config::default(),
    );
    let _driver = start(driver);
    seen.expect(Step::Received).await;
    assert!(matches!(seen.next().await, Step::Sent(_)), "a Hello");
    while peer.poll_event().is_some() {}
    for _ in 0..2 {
        seen.expect(Step::Received).await;
        let Step::Sent(answers) = seen.next().await else {
            panic!("more was taken in first")
        };
        peer.handle_frame(&answers);
        for _ in 0..8 {
            assert!(matches!(peer.poll_event(), Some(Event::Response(_))));
        }
    }
    seen.expect_nothing();
}
