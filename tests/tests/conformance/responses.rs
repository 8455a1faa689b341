//! Responses of the peer to our calls.

use std::borrow::Cow;

use roam_core::proto::{Failure, FailureKind, Message};
use roam_core::{CallError, DecodeError, Metadata, RecvError, RequestId, RoamError, channel};
use roam_tests::endpoint::{Endpoint, on_every_link};
use roam_tests::probe::ProbeClient;
use roam_tests::raw::{ROOT, close, data, reset, response};

fn client(endpoint: &Endpoint) -> ProbeClient {
    ProbeClient::new(endpoint.link.clone())
}

/// Receives a Request and returns its id.
async fn receive_call(endpoint: &mut Endpoint) -> u64 {
    let message = endpoint.peer.next().await;
    match Message::decode(&message) {
        Ok(Message::Request {
            request,
            connection: ROOT,
            ..
        }) => request.0,
        other => panic!("expected a Request, got {other:?}"),
    }
}

#[test]
fn errors_of_every_kind_reach_the_caller() {
    on_every_link(async |mut endpoint| {
        for (payload, expected) in [
            (&[1, 1][..], RoamError::UnknownMethod),
            (&[1, 2], RoamError::InvalidPayload),
            (&[1, 3], RoamError::Cancelled),
        ] {
            let call = tokio::spawn(client(&endpoint).fill(1).into_future());
            let id = receive_call(&mut endpoint).await;
            endpoint.peer.send(&response(ROOT, id, &[], payload)).await;
            let answer = call.await.unwrap();
            assert!(
                matches!(&answer, Err(CallError::Answered(error)) if *error == expected),
                "{answer:?}"
            );
        }
        endpoint.still_works().await;
    });
}

#[test]
fn metadata_names_the_failure() {
    on_every_link(async |mut endpoint| {
        let call = tokio::spawn(client(&endpoint).fill(1).into_future());
        let id = receive_call(&mut endpoint).await;
        let metadata = Metadata::new().with("roam-error", "unavailable");
        let answer = Message::Response {
            connection: ROOT,
            request: RequestId(id),
            metadata: Cow::Borrowed(&metadata),
            channels: Cow::Borrowed(&[]),
            payload: &[1, 3],
        };
        endpoint.peer.send(&answer).await;
        let answer = call.await.unwrap();
        assert!(
            matches!(
                answer,
                Err(CallError::Failed(Failure {
                    kind: FailureKind::Unavailable,
                    ..
                }))
            ),
            "{answer:?}"
        );
        endpoint.still_works().await;
    });
}

#[test]
fn undecodable_response_fails_only_its_call() {
    for payload in [
        &[][..],
        &[0],
        &[0, 5, 1],
        &[0, 1, 7, 7],
        &[1],
        &[1, 4],
        &[1, 1, 0],
        &[2],
        &[1, 0, 7],
    ] {
        on_every_link(async |mut endpoint| {
            let call = tokio::spawn(client(&endpoint).fill(1).into_future());
            let id = receive_call(&mut endpoint).await;
            endpoint.peer.send(&response(ROOT, id, &[], payload)).await;
            let answer = call.await.unwrap();
            assert!(
                matches!(answer, Err(CallError::Decode(_))),
                "{payload:?}: {answer:?}"
            );
            endpoint.still_works().await;
        });
    }
}

#[test]
fn wrong_channel_count_fails_the_call_and_resets_channels() {
    on_every_link(async |mut endpoint| {
        for (n, payload) in [(1, &[0, 1, 7][..]), (2, &[0, 0])] {
            let call = tokio::spawn(client(&endpoint).stream().into_future());
            let id = receive_call(&mut endpoint).await;
            let channels: Vec<_> = (0..n).map(|k| endpoint.their_channel(10 * n + k)).collect();
            endpoint
                .peer
                .send(&response(ROOT, id, &channels, payload))
                .await;
            let answer = call.await.unwrap();
            assert!(matches!(answer, Err(CallError::Decode(_))), "{answer:?}");
            // The surplus channel is reset first.
            for &channel in channels.iter().rev() {
                endpoint.peer.expect(&reset(ROOT, channel)).await;
                endpoint
                    .peer
                    .send_all(&[data(ROOT, channel, &[0]), close(ROOT, channel)])
                    .await;
            }
        }
        let call = tokio::spawn(client(&endpoint).stream().into_future());
        let id = receive_call(&mut endpoint).await;
        endpoint.peer.send(&response(ROOT, id, &[], &[0, 0])).await;
        let answer = call.await.unwrap();
        assert!(
            matches!(
                answer,
                Err(CallError::Decode(DecodeError::ChannelCount {
                    halves: 1,
                    channels: 0
                }))
            ),
            "{answer:?}"
        );
        endpoint.still_works().await;
    });
}

#[test]
fn channel_in_a_stray_response_is_reset() {
    on_every_link(async |mut endpoint| {
        let channel = endpoint.their_channel(4);
        endpoint
            .peer
            .send(&response(ROOT, 99, &[channel], &[0, 0]))
            .await;
        endpoint.peer.expect(&reset(ROOT, channel)).await;
        endpoint.still_works().await;
    });
}

#[test]
fn dropped_call_is_cancelled_and_its_channels_reset() {
    on_every_link(async |mut endpoint| {
        let (tx, rx) = channel::<String>();
        let call = tokio::spawn(client(&endpoint).take(rx).into_future());
        let id = receive_call(&mut endpoint).await;
        call.abort();
        assert!(call.await.unwrap_err().is_cancelled());
        endpoint
            .peer
            .expect(&Message::Cancel {
                connection: ROOT,
                request: RequestId(id),
            })
            .await;
        endpoint
            .peer
            .expect(&reset(ROOT, endpoint.our_channel(0)))
            .await;
        assert!(tx.send("x".to_owned()).await.is_err());
        // The late Response is ignored.
        endpoint.peer.send(&response(ROOT, id, &[], &[0])).await;
        endpoint.still_works().await;
    });
}

#[test]
fn error_response_ends_argument_channels_with_an_error() {
    on_every_link(async |mut endpoint| {
        let (tx, mut rx) = channel::<String>();
        let call = tokio::spawn(client(&endpoint).give(tx).into_future());
        let id = receive_call(&mut endpoint).await;
        endpoint
            .peer
            .send(&data(ROOT, endpoint.our_channel(0), &[1, b'x']))
            .await;
        assert_eq!(rx.recv().await.unwrap(), Some("x".to_owned()));
        endpoint.peer.send(&response(ROOT, id, &[], &[1, 1])).await;
        assert!(matches!(
            call.await.unwrap(),
            Err(CallError::Answered(RoamError::UnknownMethod))
        ));
        assert!(matches!(rx.recv().await, Err(RecvError::CallEnded)));
        endpoint
            .peer
            .send_all(&[
                data(ROOT, endpoint.our_channel(0), &[0]),
                close(ROOT, endpoint.our_channel(0)),
            ])
            .await;
        endpoint.still_works().await;
    });
}
