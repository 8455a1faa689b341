//! Incoming calls: how they are answered, and which break a rule.

use roam_core::proto::{FailureKind, Message};
use roam_core::{ConnectionId, Limits, Metadata, MethodId, RequestId, Rule};
use roam_tests::endpoint::{breaks, on_every_link};
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
fn duplicate_request_id_is_a_violation() {
    breaks(Rule::DuplicateRequestId, async |endpoint, on| {
        let id = endpoint.call(on, "hold", &[], &[]).await;
        assert_eq!(endpoint.events.started().await, "hold");
        endpoint
            .peer
            .request(on, id, method("echo"), &[], &[0])
            .await;
    });
}

#[test]
fn request_id_is_reusable_after_the_response() {
    on_every_link(async |mut endpoint| {
        for _ in 0..3 {
            endpoint
                .peer
                .request(ROOT, 7, method("echo"), &[], &[1, 7])
                .await;
            assert_eq!(endpoint.peer.response(ROOT, 7).await.1, [0, 1, 7]);
            endpoint.wait_until(|stats| stats.incoming_calls == 0).await;
        }
        endpoint.still_works().await;
    });
}

#[test]
fn unknown_method_is_answered_with_an_error() {
    on_every_link(async |mut endpoint| {
        endpoint
            .peer
            .request(ROOT, 5, MethodId(42), &[endpoint.their_channel(0)], &[0])
            .await;
        assert_eq!(
            endpoint.peer.response(ROOT, 5).await,
            (Metadata::new(), vec![1, 1])
        );
        endpoint.still_works().await;
    });
}

#[test]
fn handler_panic_is_reported() {
    on_every_link(async |mut endpoint| {
        let id = endpoint.call(ROOT, "panic", &[], &[]).await;
        let (metadata, payload) = endpoint.peer.response(ROOT, id).await;
        assert_eq!(
            (FailureKind::from_metadata(&metadata), &payload[..]),
            (Some(FailureKind::Panic), CANCELLED)
        );
        endpoint.still_works().await;
    });
}

#[test]
fn cancel_aborts_the_handler() {
    on_every_link(async |mut endpoint| {
        let id = endpoint.call(ROOT, "hold", &[], &[]).await;
        assert_eq!(endpoint.events.started().await, "hold");
        endpoint.peer.send(&cancel(ROOT, id)).await;
        assert_eq!(
            endpoint.peer.response(ROOT, id).await,
            (Metadata::new(), CANCELLED.to_vec())
        );
        assert_eq!(endpoint.events.stopped().await, "hold");
        // For a call that has ended, and for one that never existed.
        endpoint
            .peer
            .send_all(&[cancel(ROOT, id), cancel(ROOT, 99)])
            .await;
        endpoint.still_works().await;
    });
}

#[test]
fn immediate_cancel_leaves_no_handler() {
    on_every_link(async |mut endpoint| {
        let hold = request(ROOT, 5, method("hold"), &[], &[]);
        endpoint.peer.send_all(&[hold, cancel(ROOT, 5)]).await;
        assert_eq!(
            endpoint.peer.response(ROOT, 5).await,
            (Metadata::new(), CANCELLED.to_vec())
        );
        endpoint.wait_until(|stats| stats.incoming_calls == 0).await;
        endpoint.still_works().await;
    });
}

#[test]
fn calls_over_the_limit_are_answered_busy() {
    on_every_link(async |mut endpoint| {
        let limit = Limits::default().calls;
        for _ in 0..limit {
            endpoint.call(ROOT, "hold", &[], &[]).await;
        }
        let id = endpoint.call(ROOT, "hold", &[], &[]).await;
        let (metadata, payload) = endpoint.peer.response(ROOT, id).await;
        assert_eq!(
            (FailureKind::from_metadata(&metadata), &payload[..]),
            (Some(FailureKind::Busy), CANCELLED)
        );
        endpoint.peer.send(&cancel(ROOT, id - 1)).await;
        assert_eq!(endpoint.peer.response(ROOT, id - 1).await.1, CANCELLED);
        endpoint
            .wait_until(|stats| stats.incoming_calls == limit - 1)
            .await;
        endpoint.still_works().await;
    });
}

#[test]
fn request_cancel_loop_stays_within_the_limit() {
    on_every_link(async |mut endpoint| {
        for n in 0..2_000 {
            let hold = request(ROOT, 10 + n, method("hold"), &[], &[]);
            endpoint.peer.send_all(&[hold, cancel(ROOT, 10 + n)]).await;
            let (_, payload) = endpoint.peer.response(ROOT, 10 + n).await;
            assert_eq!(payload, CANCELLED);
            assert!(endpoint.link.stats().incoming_calls <= Limits::default().calls);
        }
        endpoint.wait_until(|stats| stats.incoming_calls == 0).await;
        endpoint.still_works().await;
    });
}

#[test]
fn stray_responses_are_counted() {
    on_every_link(async |mut endpoint| {
        endpoint.peer.send(&response(ROOT, 1_000, &[], &[0])).await;
        endpoint.answers_calls(ROOT).await;
        assert_eq!(endpoint.link.stats().stray_responses, 1);
        endpoint.still_works().await;
    });
}
