//! Cancelling calls: a call is sent at its first poll, and dropping it aborts its handler.

use std::future::pending;
use std::sync::Mutex;

use roam_core::proto::{Event, Response};
use roam_core::{
    ConnectionHandle, ConnectionId, Context, Metadata, NoDispatcher, RecvError, Tx, channel,
    service,
};

use super::harness::{Events, Seen, events, link, poll_now, settle, until_idle};
use super::raw_peer::RawPeer;

runs! {
    nothing_is_sent_before_the_first_poll
    unpolled_call_resets_its_channels
    dropped_call_aborts_its_handler
    call_dropped_before_the_handshake_is_never_sent
    call_cancelled_in_its_frame_never_runs_its_handler
    dropped_call_aborts_its_inline_handler
    aborted_handler_resets_the_channels_it_holds
}

#[service]
trait Ward {
    async fn stay(&self);
    #[roam(inline)]
    async fn stay_inline(&self);
    async fn send_and_stay(&self, tx: Tx<u8>);
    async fn nothing(&self);
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Does {
    Begin,
    Stop,
}

struct Handler {
    does: Events<Does>,
    /// Held by a handler of `stay` in addition to its arguments.
    held: Mutex<Option<Tx<u8>>>,
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

    async fn send_and_stay(&self, _: &Context, tx: Tx<u8>) {
        tx.send(1).await.unwrap();
        self.stay().await;
    }

    async fn nothing(&self, _: &Context) {}
}

fn handler(held: Option<Tx<u8>>) -> (WardDispatcher<Handler>, Seen<Does>) {
    let (does, seen) = events();
    (
        WardDispatcher::new(Handler {
            does,
            held: Mutex::new(held),
        }),
        seen,
    )
}

async fn ward() -> (WardClient, Seen<Does>, ConnectionHandle) {
    let (handler, seen) = handler(None);
    let (client, _) = link(NoDispatcher, handler);
    client.ready().await.unwrap();
    (WardClient::new(client.clone()), seen, client)
}

async fn nothing_is_sent_before_the_first_poll() {
    let (ward, mut seen, client) = ward().await;
    let mut call = ward.stay().into_future();
    settle(&client).await;
    seen.expect_nothing();
    assert_eq!(client.stats().outgoing_calls, 0);
    assert!(poll_now(&mut call).is_pending());
    assert_eq!(client.stats().outgoing_calls, 1);
    seen.expect(Does::Begin).await;
}

async fn unpolled_call_resets_its_channels() {
    let (ward, ..) = ward().await;
    let (tx, mut rx) = channel::<u8>();
    tx.send(7).await.unwrap();
    drop(ward.send_and_stay(tx));
    assert_eq!(rx.recv().await.unwrap(), Some(7));
    assert!(rx.recv().await.is_err(), "the channel ended cleanly");
}

async fn dropped_call_aborts_its_handler() {
    let (ward, mut seen, client) = ward().await;
    let mut call = ward.stay().into_future();
    assert!(poll_now(&mut call).is_pending());
    seen.expect(Does::Begin).await;
    assert_eq!(client.stats().outgoing_calls, 1);
    drop(call);
    seen.expect(Does::Stop).await;
    settle(&client).await;
    assert_eq!(client.stats().outgoing_calls, 0);
    assert_eq!(
        client.stats().stray_responses,
        1,
        "the callee still responds"
    );

    let (tx, mut rx) = channel();
    let mut call = ward.send_and_stay(tx).into_future();
    assert!(poll_now(&mut call).is_pending());
    assert_eq!(rx.recv().await.unwrap(), Some(1));
    drop(call);
    assert!(matches!(rx.recv().await, Err(RecvError::CallEnded)));
    seen.expect(Does::Begin).await;
    seen.expect(Does::Stop).await;
}

async fn call_dropped_before_the_handshake_is_never_sent() {
    let (mut peer, client) = RawPeer::server(NoDispatcher);
    let ward = WardClient::new(client.clone());
    let (tx, mut rx) = channel();
    let mut call = ward.send_and_stay(tx).into_future();
    assert!(poll_now(&mut call).is_pending());
    assert!(poll_now(rx.recv()).is_pending());
    drop(call);
    assert!(matches!(rx.recv().await, Err(RecvError::CallEnded)));
    peer.shake_hands().await;
    client.ready().await.unwrap();
    assert!(poll_now(ward.nothing()).is_pending());
    let first = peer.event().await;
    let method = ward_service().methods[3].id;
    assert!(matches!(first, Event::Request(request) if request.method == method));
}

async fn call_cancelled_in_its_frame_never_runs_its_handler() {
    for method in [0, 1] {
        let (handler, mut seen) = handler(None);
        let (mut peer, server) = RawPeer::client(handler);
        peer.shake_hands().await;
        for _ in 0..20 {
            // The Request and its Cancel share a frame.
            let method = ward_service().methods[method].id;
            let (root, none) = (ConnectionId::ROOT, Metadata::new());
            let (call, _) = peer
                .link
                .calls(root)
                .request(method, &none, &[], &[])
                .unwrap();
            peer.link.calls(root).cancel(call);
        }
        peer.flush().await;
        let nothing = ward_service().methods[3].id;
        peer.link
            .calls(ConnectionId::ROOT)
            .request(nothing, &Metadata::new(), &[], &[])
            .unwrap();
        let answer = |event| match event {
            Event::Response(Response { payload, .. }) => Some(payload),
            _ => None,
        };
        assert_eq!(peer.until(answer).await[..], [0]);
        until_idle(&server).await;
        seen.expect_nothing();
    }
}

async fn dropped_call_aborts_its_inline_handler() {
    let (ward, mut seen, _client) = ward().await;
    let mut call = ward.stay_inline().into_future();
    assert!(poll_now(&mut call).is_pending());
    seen.expect(Does::Begin).await;
    drop(call);
    seen.expect(Does::Stop).await;
}

async fn aborted_handler_resets_the_channels_it_holds() {
    let (tx, mut rx) = channel();
    let (handler, mut seen) = handler(Some(tx));
    let (client, _) = link(NoDispatcher, handler);
    client.ready().await.unwrap();
    let ward = WardClient::new(client);
    let mut call = ward.stay().into_future();
    assert!(poll_now(&mut call).is_pending());
    seen.expect(Does::Begin).await;
    drop(call);
    seen.expect(Does::Stop).await;
    assert!(rx.recv().await.is_err(), "the channel ended cleanly");
}
