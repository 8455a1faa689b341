//! What the peer answers to our calls.

use std::borrow::Cow;

use roam_core::proto::{Failure, Message};
use roam_core::{CallError, DecodeError, Metadata, RecvError, RequestId, RoamError, channel};
use roam_tests::end::{End, on_every_link};
use roam_tests::probe::ProbeClient;
use roam_tests::raw::{ROOT, close, data, reset, response};

fn client(end: &End) -> ProbeClient {
    ProbeClient::new(end.link.clone())
}

/// Takes in a Request, and tells its id.
async fn called(end: &mut End) -> u64 {
    let message = end.peer.next().await;
    match Message::decode(&message) {
        Ok(Message::Request {
            request,
            connection: ROOT,
            ..
        }) => request.0,
        other => panic!("{other:?} instead of a Request"),
    }
}

#[test]
fn errors_of_every_kind() {
    on_every_link(async |mut end| {
        for (payload, expected) in [
            (&[1, 1][..], RoamError::UnknownMethod),
            (&[1, 2], RoamError::InvalidPayload),
            (&[1, 3], RoamError::Cancelled),
        ] {
            let call = tokio::spawn(client(&end).fill(1));
            let id = called(&mut end).await;
            end.peer.send(&response(ROOT, id, &[], payload)).await;
            let answer = call.await.unwrap();
            assert!(
                matches!(&answer, Err(CallError::Answered(error)) if *error == expected),
                "{answer:?}"
            );
        }
        end.goes_on().await;
    });
}

#[test]
fn failures_are_named_by_metadata() {
    on_every_link(async |mut end| {
        let call = tokio::spawn(client(&end).fill(1));
        let id = called(&mut end).await;
        let metadata = Metadata::new().with("roam-error", "unavailable");
        let answer = Message::Response {
            connection: ROOT,
            request: RequestId(id),
            metadata: Cow::Borrowed(&metadata),
            channels: Cow::Borrowed(&[]),
            payload: &[1, 3],
        };
        end.peer.send(&answer).await;
        let answer = call.await.unwrap();
        assert!(
            matches!(answer, Err(CallError::Failed(Failure::Unavailable))),
            "{answer:?}"
        );
        end.goes_on().await;
    });
}

#[test]
fn an_answer_that_does_not_decode_fails_its_call_alone() {
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
        on_every_link(async |mut end| {
            let call = tokio::spawn(client(&end).fill(1));
            let id = called(&mut end).await;
            end.peer.send(&response(ROOT, id, &[], payload)).await;
            let answer = call.await.unwrap();
            assert!(
                matches!(answer, Err(CallError::Decode(_))),
                "{payload:?}: {answer:?}"
            );
            end.goes_on().await;
        });
    }
}

#[test]
fn a_number_of_channels_other_than_the_payloads_fails_the_call_and_ends_them() {
    on_every_link(async |mut end| {
        for (n, payload) in [(1, &[0, 1, 7][..]), (2, &[0, 0])] {
            let call = tokio::spawn(client(&end).stream());
            let id = called(&mut end).await;
            let channels: Vec<_> = (0..n).map(|k| end.theirs(10 * n + k)).collect();
            end.peer.send(&response(ROOT, id, &channels, payload)).await;
            let answer = call.await.unwrap();
            assert!(matches!(answer, Err(CallError::Decode(_))), "{answer:?}");
            // That which found no place first.
            for &channel in channels.iter().rev() {
                end.peer.expect(&reset(ROOT, channel)).await;
                end.peer
                    .send_all(&[data(ROOT, channel, &[0]), close(ROOT, channel)])
                    .await;
            }
        }
        let call = tokio::spawn(client(&end).stream());
        let id = called(&mut end).await;
        end.peer.send(&response(ROOT, id, &[], &[0, 0])).await;
        let answer = call.await.unwrap();
        assert!(
            matches!(
                answer,
                Err(CallError::Decode(DecodeError::ChannelCount {
                    found: 1,
                    beside: 0
                }))
            ),
            "{answer:?}"
        );
        end.goes_on().await;
    });
}

#[test]
fn a_channel_in_an_answer_that_nobody_waits_for_is_cut() {
    on_every_link(async |mut end| {
        let channel = end.theirs(4);
        end.peer
            .send(&response(ROOT, 99, &[channel], &[0, 0]))
            .await;
        end.peer.expect(&reset(ROOT, channel)).await;
        end.goes_on().await;
    });
}

#[test]
fn a_call_that_is_dropped_is_cancelled_and_its_channels_are_cut() {
    on_every_link(async |mut end| {
        let (tx, rx) = channel::<String>();
        let call = tokio::spawn(client(&end).take(rx));
        let id = called(&mut end).await;
        call.abort();
        assert!(call.await.unwrap_err().is_cancelled());
        end.peer
            .expect(&Message::Cancel {
                connection: ROOT,
                request: RequestId(id),
            })
            .await;
        end.peer.expect(&reset(ROOT, end.ours(0))).await;
        assert!(tx.send("x".to_owned()).await.is_err());
        // Whatever is answered now, nobody waits for it.
        end.peer.send(&response(ROOT, id, &[], &[0])).await;
        end.goes_on().await;
    });
}

#[test]
fn an_error_ends_the_channels_of_the_arguments_other_than_cleanly() {
    on_every_link(async |mut end| {
        let (tx, mut rx) = channel::<String>();
        let call = tokio::spawn(client(&end).give(tx));
        let id = called(&mut end).await;
        end.peer.send(&data(ROOT, end.ours(0), &[1, b'x'])).await;
        assert_eq!(rx.recv().await.unwrap(), Some("x".to_owned()));
        end.peer.send(&response(ROOT, id, &[], &[1, 1])).await;
        assert!(matches!(
            call.await.unwrap(),
            Err(CallError::Answered(RoamError::UnknownMethod))
        ));
        assert!(matches!(rx.recv().await, Err(RecvError::CallOver)));
        end.peer
            .send_all(&[data(ROOT, end.ours(0), &[0]), close(ROOT, end.ours(0))])
            .await;
        end.goes_on().await;
    });
}
