//! Deadlines fail the call, abort its handler and bound the handler's own calls.

use std::future::pending;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use roam_core::proto::{Direction, Event, Response};
use roam_core::{
    CallError, ConnectionHandle, ConnectionId, Context, Failure, FailureKind, Metadata, MethodId,
    NoDispatcher, RecvError, RequestId, Rx, Tx, channel, rt, service,
};

use super::harness::{Events, Seen, events, link, poll_now, settle, until_idle};
use super::raw_peer::RawPeer;

runs_with_paused_clock! {
    deadline_fails_the_call
    deadline_aborts_a_handler_whatever_it_awaits
    deadline_replaces_a_response_that_waits_for_space
    call_within_its_deadline_succeeds
    request_carries_the_time_left_when_it_is_sent
    expired_call_never_starts_its_handler
    deadline_resets_the_channels_a_handler_holds
    child_call_has_at_most_its_parents_time
    deadline_in_copied_metadata_is_ignored
    child_call_can_have_a_deadline_of_its_own
    call_without_time_left_is_not_sent
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Does {
    Begin,
    Stop,
}

#[service]
trait Ward {
    async fn stay(&self);
    #[roam(inline)]
    async fn stay_inline(&self);
    async fn wait_for_element(&self, rx: Rx<u8>);
    async fn wait_for_credit(&self, tx: Tx<Vec<u8>>);
    async fn nothing(&self);
    async fn millis_left(&self) -> Option<u64>;
    /// Waits, then calls `millis_left` on the caller.
    async fn ask_back(&self, wait: u64, timeout: Option<u64>) -> Option<u64>;
    /// Like `ask_back`, with the metadata of the incoming call.
    async fn ask_back_with_our_metadata(&self, wait: u64) -> Option<u64>;
    /// Keeps its context for the test.
    async fn keep_context(&self);
}

struct Handler {
    does: Events<Does>,
    /// Held by a handler of `stay`.
    held: Mutex<Option<Tx<u8>>>,
    context: Arc<Mutex<Option<Context>>>,
}

impl Handler {
    async fn stay(&self) {
        let _stopped = self.does.on_drop(Does::Stop);
        self.does.tell(Does::Begin);
        pending::<()>().await;
    }
}

impl Ward for Handler {
    async fn stay(&self, _: &Context) {
        let _held = self.held.lock().unwrap().take();
        self.stay().await;
    }

    async fn stay_inline(&self, _: &Context) {
        self.stay().await;
    }

    async fn wait_for_element(&self, _: &Context, mut rx: Rx<u8>) {
        let _stopped = self.does.on_drop(Does::Stop);
        self.does.tell(Does::Begin);
        rx.recv().await.unwrap();
    }

    async fn wait_for_credit(&self, _: &Context, tx: Tx<Vec<u8>>) {
        let _stopped = self.does.on_drop(Does::Stop);
        self.does.tell(Does::Begin);
        while tx.send(vec![7; 16 * 1024]).await.is_ok() {}
    }

    async fn nothing(&self, _: &Context) {
        self.does.tell(Does::Begin);
    }

    async fn millis_left(&self, cx: &Context) -> Option<u64> {
        Some(cx.deadline()?.remaining().as_millis().try_into().unwrap())
    }

    async fn ask_back(&self, cx: &Context, wait: u64, timeout: Option<u64>) -> Option<u64> {
        rt::sleep(Duration::from_millis(wait)).await;
        let mut call = WardClient::new(cx.connection().clone()).millis_left();
        if let Some(timeout) = timeout {
            call = call.timeout(Duration::from_millis(timeout));
        }
        cx.child_call(call).await.unwrap()
    }

    async fn ask_back_with_our_metadata(&self, cx: &Context, wait: u64) -> Option<u64> {
        rt::sleep(Duration::from_millis(wait)).await;
        let call = WardClient::new(cx.connection().clone()).millis_left();
        cx.child_call(call)
            .metadata(cx.metadata().clone())
            .await
            .unwrap()
    }

    async fn keep_context(&self, cx: &Context) {
        *self.context.lock().unwrap() = Some(cx.clone());
        self.stay().await;
    }
}

fn handler(held: Option<Tx<u8>>) -> (Handler, Seen<Does>) {
    let (does, seen) = events();
    let handler = Handler {
        does,
        held: Mutex::new(held),
        context: Arc::default(),
    };
    (handler, seen)
}

/// Links two peers that serve `Ward`. Returns a client, the events at the callee and the handle.
async fn ward() -> (WardClient, Seen<Does>, ConnectionHandle) {
    let ((ours, _), (theirs, seen)) = (handler(None), handler(None));
    let (client, _) = link(WardDispatcher::new(ours), WardDispatcher::new(theirs));
    client.ready().await.unwrap();
    (WardClient::new(client.clone()), seen, client)
}

fn method(name: &str) -> MethodId {
    let methods = &ward_service().methods;
    methods.iter().find(|m| m.name == name).unwrap().id
}

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn is_deadline<T>(result: &Result<T, CallError>) -> bool {
    matches!(
        result,
        Err(CallError::Failed(Failure {
            kind: FailureKind::Deadline,
            ..
        }))
    )
}

/// Makes the raw peer call a method with a deadline in ms.
fn request(peer: &mut RawPeer, name: &str, deadline: u64, ends: &[Direction]) -> RequestId {
    let metadata = Metadata::new().with("roam-deadline-ms", deadline);
    let payload = vec![0; ends.len()];
    let called =
        peer.link
            .calls(ConnectionId::ROOT)
            .request(method(name), &metadata, ends, &payload);
    called.unwrap().0
}

async fn answer(peer: &mut RawPeer, to: RequestId) -> Response {
    let answer = |event| match event {
        Event::Response(response) if response.request == to => Some(response),
        _ => None,
    };
    peer.until(answer).await
}

fn assert_deadline_response(answer: &Response) {
    assert_eq!(answer.payload[..], [1, 3]);
    assert_eq!(answer.metadata.get_str("roam-error"), Some("deadline"));
}

async fn deadline_fails_the_call() {
    let (ward, mut seen, _client) = ward().await;
    let ended = ward.stay().timeout(millis(20)).await;
    assert!(is_deadline(&ended), "{ended:?}");
    seen.expect(Does::Begin).await;
    seen.expect(Does::Stop).await;
}

async fn deadline_aborts_a_handler_whatever_it_awaits() {
    let waits: [(&str, &[Direction]); 4] = [
        ("stay", &[]),
        ("stay_inline", &[]),
        ("wait_for_element", &[Direction::Send]),
        ("wait_for_credit", &[Direction::Receive]),
    ];
    for (name, ends) in waits {
        let (handler, mut seen) = handler(None);
        let (mut peer, server) = RawPeer::client(WardDispatcher::new(handler));
        peer.shake_hands().await;
        let call = request(&mut peer, name, 20, ends);
        assert_deadline_response(&answer(&mut peer, call).await);
        seen.expect(Does::Begin).await;
        seen.expect(Does::Stop).await;
        drop(peer);
        server.closed().await;
        until_idle(&server).await;
    }
}

async fn deadline_replaces_a_response_that_waits_for_space() {
    let (handler, mut seen) = handler(None);
    let (mut peer, _server) = RawPeer::client(WardDispatcher::new(handler));
    peer.shake_hands().await;
    // More than the transport and the send buffer hold while the peer does not read.
    for _ in 0..10 {
        request(
            &mut peer,
            "wait_for_credit",
            1_000_000,
            &[Direction::Receive],
        );
        peer.flush().await;
        seen.expect(Does::Begin).await;
    }
    // When the paused clock advances, everything that can be sent has been sent.
    rt::sleep(millis(1)).await;
    let in_time = request(&mut peer, "nothing", 1_000_000, &[]);
    let late = request(&mut peer, "nothing", 20, &[]);
    peer.flush().await;
    seen.expect(Does::Begin).await;
    seen.expect(Does::Begin).await;
    rt::sleep(millis(30)).await;
    assert_deadline_response(&answer(&mut peer, late).await);
    assert_eq!(answer(&mut peer, in_time).await.payload[..], [0]);
}

async fn call_within_its_deadline_succeeds() {
    let (ward, ..) = ward().await;
    assert_eq!(ward.millis_left().await.unwrap(), None);
    let left = ward.millis_left().timeout(millis(1_000)).await;
    assert_eq!(left.unwrap(), Some(1_000));
    let forever = ward.millis_left().timeout(Duration::MAX).await;
    assert_eq!(forever.unwrap(), Some(u64::MAX));
}

async fn request_carries_the_time_left_when_it_is_sent() {
    let (mut peer, client) = RawPeer::server(NoDispatcher);
    let stay = WardClient::new(client.clone()).stay();
    let mut call = stay.timeout(Duration::from_micros(1_000_500)).into_future();
    assert!(poll_now(&mut call).is_pending());
    rt::sleep(millis(400)).await;
    peer.shake_hands().await;
    client.ready().await.unwrap();
    // The next poll sends it. The time left is rounded up.
    assert!(poll_now(&mut call).is_pending());
    let told = |event| match event {
        Event::Request(request) => request.metadata.get_u64("roam-deadline-ms"),
        _ => None,
    };
    assert_eq!(peer.until(told).await, 601);
}

async fn expired_call_never_starts_its_handler() {
    let (handler, mut seen) = handler(None);
    let (mut peer, _server) = RawPeer::client(WardDispatcher::new(handler));
    peer.shake_hands().await;
    let late = request(&mut peer, "nothing", 0, &[]);
    assert_deadline_response(&answer(&mut peer, late).await);
    seen.expect_nothing();
}

async fn deadline_resets_the_channels_a_handler_holds() {
    let (tx, mut rx) = channel();
    let (handler, _seen) = handler(Some(tx));
    let (mut peer, _server) = RawPeer::client(WardDispatcher::new(handler));
    peer.shake_hands().await;
    let call = request(&mut peer, "stay", 20, &[]);
    answer(&mut peer, call).await;
    assert!(rx.recv().await.is_err(), "the channel ended cleanly");
}

async fn child_call_has_at_most_its_parents_time() {
    let (ward, ..) = ward().await;
    for (timeout, left) in [(None, 600), (Some(700), 600), (Some(500), 500)] {
        let asked = ward.ask_back(400, timeout).timeout(millis(1_000));
        assert_eq!(asked.await.unwrap(), Some(left), "{timeout:?}");
    }
}

async fn deadline_in_copied_metadata_is_ignored() {
    let (ward, ..) = ward().await;
    let asked = ward.ask_back_with_our_metadata(400);
    let asked = asked.timeout(millis(1_000)).await;
    assert_eq!(asked.unwrap(), Some(600));
}

async fn child_call_can_have_a_deadline_of_its_own() {
    let (ward, ..) = ward().await;
    assert_eq!(ward.ask_back(400, None).await.unwrap(), None);
    assert_eq!(ward.ask_back(400, Some(700)).await.unwrap(), Some(700));
}

async fn call_without_time_left_is_not_sent() {
    let (ward, mut seen, client) = ward().await;
    let (tx, mut rx) = channel();
    let ended = ward.wait_for_credit(tx).timeout(Duration::ZERO).await;
    assert!(is_deadline(&ended), "{ended:?}");
    assert!(matches!(rx.recv().await, Err(RecvError::Reset)));

    let (handler, mut kept) = handler(None);
    let context = Arc::clone(&handler.context);
    let (other, _) = link(NoDispatcher, WardDispatcher::new(handler));
    let ended = WardClient::new(other)
        .keep_context()
        .timeout(millis(20))
        .await;
    assert!(is_deadline(&ended), "{ended:?}");
    kept.expect(Does::Begin).await;
    kept.expect(Does::Stop).await;
    let context = context.lock().unwrap().take().unwrap();
    assert_eq!(context.deadline().unwrap().remaining(), Duration::ZERO);
    let ended = context.child_call(ward.nothing()).await;
    assert!(is_deadline(&ended), "{ended:?}");

    settle(&client).await;
    seen.expect_nothing();
}
