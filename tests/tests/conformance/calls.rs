//! Calls of the peer: which are answered how, and which break a rule.

use roam_core::proto::{Failure, Message};
use roam_core::{ConnectionId, Metadata, MethodId, RequestId, Rule};
use roam_tests::end::{breaks, on_every_link};
use roam_tests::probe::method;
use roam_tests::raw::{ROOT, request, response};

const CANCELLED: &[u8] = &[1, 3];

fn cancel(connection: ConnectionId, id: u64) -> Message<'static> {
    Message::Cancel {
        connection,
        request: RequestId(id),
    }
}

#[test]
fn a_request_id_that_is_in_flight() {
    breaks(Rule::DuplicateRequestId, async |end, on| {
        let id = end.call(on, "hold", &[], &[]).await;
        assert_eq!(end.events.started().await, "hold");
        end.peer.request(on, id, method("echo"), &[], &[0]).await;
    });
}

#[test]
fn a_request_id_may_be_used_again_after_the_answer() {
    on_every_link(async |mut end| {
        for _ in 0..3 {
            end.peer
                .request(ROOT, 7, method("echo"), &[], &[1, 7])
                .await;
            assert_eq!(end.peer.response(ROOT, 7).await.1, [0, 1, 7]);
            end.settled(|stats| stats.incoming_calls == 0).await;
        }
        end.goes_on().await;
    });
}

#[test]
fn an_unknown_method() {
    on_every_link(async |mut end| {
        end.peer
            .request(ROOT, 5, MethodId(42), &[end.theirs(0)], &[0])
            .await;
        assert_eq!(
            end.peer.response(ROOT, 5).await,
            (Metadata::new(), vec![1, 1])
        );
        end.goes_on().await;
    });
}

#[test]
fn a_handler_that_panics() {
    on_every_link(async |mut end| {
        let id = end.call(ROOT, "panic", &[], &[]).await;
        let (metadata, payload) = end.peer.response(ROOT, id).await;
        assert_eq!(
            (Failure::from_metadata(&metadata), &payload[..]),
            (Some(Failure::Panic), CANCELLED)
        );
        end.goes_on().await;
    });
}

#[test]
fn a_call_that_is_cancelled_ends_its_handler() {
    on_every_link(async |mut end| {
        let id = end.call(ROOT, "hold", &[], &[]).await;
        assert_eq!(end.events.started().await, "hold");
        end.peer.send(&cancel(ROOT, id)).await;
        assert_eq!(
            end.peer.response(ROOT, id).await,
            (Metadata::new(), CANCELLED.to_vec())
        );
        assert_eq!(end.events.stopped().await, "hold");
        // For a call that is over, and for one that never was.
        end.peer
            .send_all(&[cancel(ROOT, id), cancel(ROOT, 99)])
            .await;
        end.goes_on().await;
    });
}

#[test]
fn a_call_that_is_cancelled_at_once_leaves_no_handler_behind() {
    on_every_link(async |mut end| {
        let hold = request(ROOT, 5, method("hold"), &[], &[]);
        end.peer.send_all(&[hold, cancel(ROOT, 5)]).await;
        assert_eq!(
            end.peer.response(ROOT, 5).await,
            (Metadata::new(), CANCELLED.to_vec())
        );
        end.settled(|stats| stats.incoming_calls == 0).await;
        end.goes_on().await;
    });
}

#[test]
fn calls_beyond_the_bound_are_answered_busy() {
    on_every_link(async |mut end| {
        for _ in 0..256 {
            end.call(ROOT, "hold", &[], &[]).await;
        }
        let id = end.call(ROOT, "hold", &[], &[]).await;
        let (metadata, payload) = end.peer.response(ROOT, id).await;
        assert_eq!(
            (Failure::from_metadata(&metadata), &payload[..]),
            (Some(Failure::Busy), CANCELLED)
        );
        end.peer.send(&cancel(ROOT, id - 1)).await;
        assert_eq!(end.peer.response(ROOT, id - 1).await.1, CANCELLED);
        end.settled(|stats| stats.incoming_calls == 255).await;
        end.goes_on().await;
    });
}

#[test]
fn requests_and_cancels_in_a_loop_meet_the_bound_as_well() {
    on_every_link(async |mut end| {
        for n in 0..600 {
            let hold = request(ROOT, 10 + n, method("hold"), &[], &[]);
            end.peer.send_all(&[hold, cancel(ROOT, 10 + n)]).await;
            let (_, payload) = end.peer.response(ROOT, 10 + n).await;
            assert_eq!(payload, CANCELLED);
            assert!(end.link.stats().incoming_calls <= 256);
        }
        end.settled(|stats| stats.incoming_calls == 0).await;
        end.goes_on().await;
    });
}

#[test]
fn an_answer_that_nobody_waits_for_is_counted() {
    on_every_link(async |mut end| {
        end.peer.send(&response(ROOT, 1_000, &[], &[0])).await;
        end.answers(ROOT).await;
        assert_eq!(end.link.stats().stray_responses, 1);
        end.goes_on().await;
    });
}
