//! Virtual connections.

use std::borrow::Cow;

use roam_core::proto::{ChannelId, Message};
use roam_core::{
    CloseReason, ConnectionHandle, ConnectionId, Metadata, NoDispatcher, RejectError, RequestId,
    Rule,
};
use roam_tests::end::{End, on_every_link};
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

async fn rejected(end: &mut End, id: u64, why: &str) {
    let answer = end.peer.next().await;
    match Message::decode(&answer) {
        Ok(Message::Reject {
            request, reason, ..
        }) => assert_eq!((request.0, reason), (id, why)),
        other => panic!("{other:?} instead of Reject"),
    }
}

/// Our end asks the peer for a connection; what comes of it.
async fn asks(end: &mut End, id: u64) -> JoinHandle<Result<ConnectionHandle, RejectError>> {
    let link = end.link.clone();
    let asking = tokio::spawn(async move { link.connect(Metadata::new(), NoDispatcher).await });
    end.peer.expect(&connect(id)).await;
    asking
}

#[test]
fn nobody_listens() {
    on_every_link(async |mut end| {
        end.peer.send(&connect(1)).await;
        rejected(&mut end, 1, "not listening").await;
        end.goes_on().await;
    });
}

#[test]
fn connections_are_bounded() {
    on_every_link(async |mut end| {
        let mut last = None;
        for n in 0..64 {
            last = Some(end.open_connection(n).await);
        }
        end.peer.send(&connect(64)).await;
        rejected(&mut end, 64, "too many connections").await;
        // One that is over makes room.
        let (id, connection) = last.unwrap();
        end.peer
            .send(&Message::Goodbye {
                connection: id,
                reason: "done",
            })
            .await;
        assert!(
            matches!(connection.closed().await, CloseReason::Goodbye(reason) if &*reason == "done")
        );
        end.goes_on().await;
    });
}

#[test]
fn a_connect_whose_id_is_in_flight() {
    on_every_link(async |mut end| {
        let mut incoming = end.link.listen();
        end.peer.send_all(&[connect(1), connect(1)]).await;
        rejected(&mut end, 1, "this request id is in flight").await;
        drop(incoming.next().await.unwrap());
        rejected(&mut end, 1, "not listening").await;
        drop(incoming);
        end.goes_on().await;
    });
}

#[test]
fn an_accept_with_id_0_or_one_in_use() {
    on_every_link(async |mut end| {
        let _asking = asks(&mut end, 1).await;
        end.peer.send(&accept(1, 0)).await;
        end.link_ends(Rule::AcceptConnectionId).await;
    });
    on_every_link(async |mut end| {
        let (id, _) = end.open_connection(1).await;
        let _asking = asks(&mut end, 1).await;
        end.peer.send(&accept(1, id.0)).await;
        end.link_ends(Rule::AcceptConnectionId).await;
    });
}

#[test]
fn an_accept_that_nobody_waits_for() {
    on_every_link(async |mut end| {
        end.peer.send(&accept(9, 77)).await;
        assert_eq!(end.peer.goodbye().await.0, ConnectionId(77));
        // What is under way on it is ignored.
        end.peer
            .send(&request(ConnectionId(77), 1, method("echo"), &[], &[1, 7]))
            .await;
        end.goes_on().await;
    });
}

#[test]
fn an_accept_of_either_parity_is_fine() {
    on_every_link(async |mut end| {
        for (n, id) in [(1, 77), (2, 78)] {
            let asking = asks(&mut end, n).await;
            end.peer.send(&accept(n, id)).await;
            let connection = asking.await.unwrap().unwrap();
            assert_eq!(connection.id(), ConnectionId(id));
            connection.close("enough");
            assert_eq!(
                end.peer.goodbye().await,
                (ConnectionId(id), "enough".to_owned())
            );
        }
        end.goes_on().await;
    });
}

#[test]
fn a_rejection_and_its_reason() {
    on_every_link(async |mut end| {
        let asking = asks(&mut end, 1).await;
        let metadata = Cow::Borrowed(NONE);
        end.peer
            .send(&Message::Reject {
                request: RequestId(1),
                reason: "unauthorized",
                metadata,
            })
            .await;
        let answer = asking.await.unwrap();
        assert!(
            matches!(&answer, Err(RejectError::Rejected { reason, .. }) if &**reason == "unauthorized"),
            "{answer:?}"
        );
        end.goes_on().await;
    });
}

#[test]
fn a_goodbye_ends_its_connection_alone_and_what_comes_late_is_ignored() {
    on_every_link(async |mut end| {
        let (id, connection) = end.open_connection(1).await;
        let (other, _handle) = end.open_connection(2).await;
        end.call(id, "hold", &[], &[]).await;
        assert_eq!(end.events.started().await, "hold");
        end.peer
            .send(&Message::Goodbye {
                connection: id,
                reason: "",
            })
            .await;
        assert!(
            matches!(connection.closed().await, CloseReason::Goodbye(reason) if reason.is_empty())
        );
        assert_eq!(end.events.stopped().await, "hold");
        let late = [
            request(id, 9, method("echo"), &[], &[1, 7]),
            data(id, ChannelId(1), &[]),
            close(id, ChannelId(1)),
            Message::Goodbye {
                connection: id,
                reason: "",
            },
        ];
        end.peer.send_all(&late).await;
        end.answers(other).await;
        end.goes_on().await;
    });
}

#[test]
fn a_goodbye_on_the_root_ends_the_link_without_an_answer() {
    on_every_link(async |mut end| {
        end.call(ROOT, "hold", &[], &[]).await;
        assert_eq!(end.events.started().await, "hold");
        end.peer
            .send(&Message::Goodbye {
                connection: ROOT,
                reason: "going home",
            })
            .await;
        assert!(
            matches!(end.link.closed().await, CloseReason::Goodbye(reason) if &*reason == "going home")
        );
        assert_eq!(end.events.stopped().await, "hold");
        end.peer.expect_end().await;
        end.others_go_on().await;
    });
}

#[test]
fn closing_tells_the_peer_the_reason() {
    on_every_link(async |mut end| {
        end.link.close("that was all");
        assert_eq!(end.peer.goodbye().await, (ROOT, "that was all".to_owned()));
        end.peer.expect_end().await;
        assert!(
            matches!(end.link.closed().await, CloseReason::Local(reason) if &*reason == "that was all")
        );
        end.others_go_on().await;
    });
}
