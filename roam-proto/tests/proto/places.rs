//! Channel ids in payloads: written where the shell says the halves stand.

use roam_proto::{Encoded, NewChannel, NewChannels, RequestError};

use super::harness::*;

fn placed(kept: roam_proto::Direction, place: usize) -> NewChannel {
    let place = Some(place);
    NewChannel { kept, place }
}

#[test]
fn requests_hold_the_ids_of_their_channels() {
    let mut pair = Pair::new();
    let channels = [
        placed(Send, 1),
        NewChannel {
            kept: Send,
            place: None,
        },
        placed(Receive, 2),
    ];
    let payload = [7, 0, 0, 8];
    pair.client
        .link
        .calls(ROOT)
        .request(METHOD, NONE, NewChannels::Placed(&channels), &payload)
        .unwrap();
    pair.settle();
    let request = pair.server.request();
    assert_eq!(
        request.channels.iter().map(|it| it.0).sum::<u64>(),
        1 + 3 + 5
    );
    assert_eq!(request.payload[..], [7, 1, 5, 8]);
    assert_eq!(pair.client.link.stats().channels, 3);
}

#[test]
fn responses_hold_the_ids_of_their_channels() {
    let mut pair = Pair::new();
    let request = pair.call(&[], &[]);
    let channels = [placed(Receive, 1), placed(Send, 2)];
    let opened = pair
        .server
        .link
        .calls(ROOT)
        .respond(
            request.request,
            NONE,
            NewChannels::Placed(&channels),
            &[0, 0, 0],
            Handler::Finished,
        )
        .unwrap();
    pair.settle();
    let response = pair.client.response();
    assert_eq!(response.channels, Some(opened));
    assert_eq!(response.payload[..], [0, 2, 4]);
}

#[test]
fn a_payload_that_is_sent_again_holds_other_ids() {
    let mut pair = Pair::new();
    let mut kept = Encoded::from(&[0, 9][..]);
    for expected in [1, 3] {
        pair.client
            .link
            .calls(ROOT)
            .request(
                METHOD,
                NONE,
                NewChannels::Placed(&[placed(Send, 0)]),
                &mut kept,
            )
            .unwrap();
        pair.settle();
        assert_eq!(pair.server.request().payload[..], [expected, 9]);
        assert_eq!(kept, [0, 9]);
    }
}

#[test]
fn the_payload_limit_counts_the_ids() {
    let mut pair = Pair::new();
    // From id 129 on, ids take two bytes.
    pair.call(&[Send; 64], &[]);
    let channels = NewChannels::Placed(&[placed(Send, 0)]);
    let mut send = |payload: &[u8]| {
        let calls = pair.client.link.calls(ROOT);
        calls.request(METHOD, NONE, channels, payload)
    };
    assert_eq!(
        send(&[0; 1_000]),
        Err(RequestError::PayloadTooLarge {
            len: 1_001,
            max: 1_000
        })
    );
    let (_, opened) = send(&[0; 999]).unwrap();
    pair.settle();
    let request = pair.server.request();
    assert_eq!((opened[0].0, request.payload.len()), (129, 1_000));
    assert_eq!(request.payload[..3], [0x81, 1, 0]);
}

#[test]
fn relayed_and_kept_payloads_are_sent_as_they_are() {
    let mut pair = Pair::new();
    for channels in [NewChannels::Relayed(2), NewChannels::Kept(&[Send, Receive])] {
        pair.client
            .link
            .calls(ROOT)
            .request(METHOD, NONE, channels, &[0, 77])
            .unwrap();
        pair.settle();
        let request = pair.server.request();
        assert_eq!(
            (request.channels.len(), &request.payload[..]),
            (2, &[0, 77][..])
        );
    }
}
