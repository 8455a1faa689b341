//! Virtual connections.

use std::borrow::Cow;

use roam_core::proto::{ChannelId, Message};
use roam_core::{
    CloseReason, ConnectionHandle, ConnectionId, Metadata, NoDispatcher, RequestId, Rule,
    server::RejectError,
};
use roam_tests::endpoint::{Endpoint, on_every_link};
use roam_tests::probe::method;
use roam_tests::raw::{ROOT, close, data, request};
use tokio::task::JoinHandle;

const NONE: &Metadata = &Metadata::new();

fn connect(id: u64) -> Message<'static> {
    Message::Connect {
        request: RequestId(id),
        metadata: Cow::Borrowed(NONE),
    }
}

fn accept(request: u64, id: u64) -> Message<'static> {
    Message::Accept {
        request: RequestId(request),
        connection: ConnectionId(id),
        metadata: Cow::Borrowed(NONE),
    }
}

/// Receives a Reject of the request `id` and asserts its reason.
async fn expect_reject(endpoint: &mut Endpoint, id: u64, why: &str) {
    let answer = endpoint.peer.next().await;
    match Message::decode(&answer) {
        Ok(Message::Reject {
            request, reason, ..
        }) => assert_eq!((request.0, reason), (id, why)),
        other => panic!("expected Reject, got {other:?}"),
    }
}

/// Sends a Connect from our endpoint and returns the pending result.
async fn start_connect(
    endpoint: &mut Endpoint,
    id: u64,
) -> JoinHandle<Result<ConnectionHandle, RejectError>> {
    let link = endpoint.link.clone();
    let connecting = tokio::spawn(async move { link.connect(Metadata::new(), NoDispatcher).await });
    endpoint.peer.expect(&connect(id)).await;
    connecting
}

#[test]
fn connect_without_a_listener_is_rejected() {
    on_every_link(async |mut endpoint| {
        endpoint.peer.send(&connect(1)).await;
        expect_reject(&mut endpoint, 1, "not listening").await;
        endpoint.still_works().await;
    });
}

#[test]
fn number_of_connections_is_limited() {
    on_every_link(async |mut endpoint| {
        let mut last = None;
        for n in 0..64 {
            last = Some(endpoint.open_connection(n).await);
        }
        endpoint.peer.send(&connect(64)).await;
        expect_reject(&mut endpoint, 64, "too many connections").await;
        // A closed connection frees its slot.
        let (id, connection) = last.unwrap();
        endpoint
            .peer
            .send(&Message::Goodbye {
                connection: id,
                reason: "done",
            })
            .await;
        assert!(
            matches!(connection.closed().await, CloseReason::Goodbye(reason) if &*reason == "done")
        );
        endpoint.still_works().await;
    });
}

#[test]
fn connect_with_a_request_id_in_flight_is_rejected() {
    on_every_link(async |mut endpoint| {
        let mut incoming = endpoint.link.listen();
        endpoint.peer.send_all(&[connect(1), connect(1)]).await;
        expect_reject(&mut endpoint, 1, "this request id is in flight").await;
        drop(incoming.next().await.unwrap());
        expect_reject(&mut endpoint, 1, "not listening").await;
        drop(incoming);
        endpoint.still_works().await;
    });
}

#[test]
fn accept_with_id_0_or_an_id_in_use_ends_the_link() {
    on_every_link(async |mut endpoint| {
        let _connecting = start_connect(&mut endpoint, 1).await;
        endpoint.peer.send(&accept(1, 0)).await;
        endpoint.link_ends(Rule::AcceptConnectionId).await;
    });
    on_every_link(async |mut endpoint| {
        let (id, _) = endpoint.open_connection(1).await;
        let _connecting = start_connect(&mut endpoint, 1).await;
        endpoint.peer.send(&accept(1, id.0)).await;
        endpoint.link_ends(Rule::AcceptConnectionId).await;
    });
}

#[test]
fn stray_accept_is_answered_with_goodbye() {
    on_every_link(async |mut endpoint| {
        endpoint.peer.send(&accept(9, 77)).await;
        assert_eq!(endpoint.peer.goodbye().await.0, ConnectionId(77));
        // Late messages on that connection are ignored.
        endpoint
            .peer
            .send(&request(ConnectionId(77), 1, method("echo"), &[], &[1, 7]))
            .await;
        endpoint.still_works().await;
    });
}

#[test]
fn accept_may_use_either_parity() {
    on_every_link(async |mut endpoint| {
        for (n, id) in [(1, 77), (2, 78)] {
            let connecting = start_connect(&mut endpoint, n).await;
            endpoint.peer.send(&accept(n, id)).await;
            let connection = connecting.await.unwrap().unwrap();
            assert_eq!(connection.id(), ConnectionId(id));
            connection.close("enough");
            assert_eq!(
                endpoint.peer.goodbye().await,
                (ConnectionId(id), "enough".to_owned())
            );
        }
        endpoint.still_works().await;
    });
}

#[test]
fn reject_reports_its_reason() {
    on_every_link(async |mut endpoint| {
        let connecting = start_connect(&mut endpoint, 1).await;
        let metadata = Cow::Borrowed(NONE);
        endpoint
            .peer
            .send(&Message::Reject {
                request: RequestId(1),
                reason: "unauthorized",
                metadata,
            })
            .await;
        let answer = connecting.await.unwrap();
        assert!(
            matches!(&answer, Err(RejectError::Rejected { reason, .. }) if &**reason == "unauthorized"),
            "{answer:?}"
        );
        endpoint.still_works().await;
    });
}

#[test]
fn goodbye_ends_only_its_connection() {
    on_every_link(async |mut endpoint| {
        let (id, connection) = endpoint.open_connection(1).await;
        let (other, _handle) = endpoint.open_connection(2).await;
        endpoint.call(id, "hold", &[], &[]).await;
        assert_eq!(endpoint.events.started().await, "hold");
        endpoint
            .peer
            .send(&Message::Goodbye {
                connection: id,
                reason: "",
            })
            .await;
        assert!(
            matches!(connection.closed().await, CloseReason::Goodbye(reason) if reason.is_empty())
        );
        assert_eq!(endpoint.events.stopped().await, "hold");
        let late = [
            request(id, 9, method("echo"), &[], &[1, 7]),
            data(id, ChannelId(1), &[]),
            close(id, ChannelId(1)),
            Message::Goodbye {
                connection: id,
                reason: "",
            },
        ];
        endpoint.peer.send_all(&late).await;
        endpoint.answers_calls(other).await;
        endpoint.still_works().await;
    });
}

#[test]
fn goodbye_on_the_root_ends_the_link_unanswered() {
    on_every_link(async |mut endpoint| {
        endpoint.call(ROOT, "hold", &[], &[]).await;
        assert_eq!(endpoint.events.started().await, "hold");
        endpoint
            .peer
            .send(&Message::Goodbye {
                connection: ROOT,
                reason: "going home",
            })
            .await;
        let closed = endpoint.link.closed().await;
        assert!(matches!(closed, CloseReason::Goodbye(reason) if &*reason == "going home"));
        assert_eq!(endpoint.events.stopped().await, "hold");
        endpoint.peer.expect_close().await;
        endpoint.other_links_work().await;
    });
}

#[test]
fn close_sends_its_reason() {
    on_every_link(async |mut endpoint| {
        endpoint.link.close("that was all");
        assert_eq!(
            endpoint.peer.goodbye().await,
            (ROOT, "that was all".to_owned())
        );
        endpoint.peer.expect_close().await;
        let closed = endpoint.link.closed().await;
        assert!(matches!(closed, CloseReason::Local(reason) if &*reason == "that was all"));
        endpoint.other_links_work().await;
    });
}
