//! Rules that end the connection on which they are broken.

use std::borrow::Cow;

use roam_proto::{ChannelId, ConnectionId, Message, Metadata, RequestId, Rule};

use super::super::harness::*;
use super::{each_breaks, encoded, metadata_over_a_limit, nothing, own_channels, three_channels};

#[test]
fn call_request_id_duplicate_detection() {
    let running = |raw: &mut Raw, on| {
        raw.called(on, 5, &[]);
    };
    let duplicate = |on| encoded(&[request(on, 5, &[], &[])]);
    each_breaks(Rule::DuplicateRequestId, running, duplicate);
    let answered = |raw: &mut Raw, on| {
        let call = raw.called(on, 5, &[]);
        raw.peer.answer(&call, OK);
    };
    each_breaks(Rule::DuplicateRequestId, answered, duplicate);
}

#[test]
fn call_metadata_limits() {
    let entries: Metadata = (0..129).map(|n| ("k".to_owned(), n)).collect();
    let value = Metadata::new().with("k", vec![0; 16_385]);
    let total: Metadata = (0..5).map(|n| (n.to_string(), vec![0; 14_000])).collect();
    let key = metadata_over_a_limit().into_owned();
    for metadata in [&entries, &value, &total, &key] {
        let metadata = || Cow::Owned(metadata.clone());
        each_breaks(Rule::MetadataLimits, nothing, |connection| {
            let (request, channels) = (RequestId(1), Cow::Borrowed(&[][..]));
            encoded(&[
                Message::Request {
                    connection,
                    request,
                    method: METHOD,
                    metadata: metadata(),
                    channels: channels.clone(),
                    payload: &[],
                },
                Message::Response {
                    connection,
                    request,
                    metadata: metadata(),
                    channels,
                    payload: OK,
                },
            ])
        });
        let (request, connection) = (RequestId(1), ConnectionId(4));
        for message in [
            Message::Connect {
                request,
                metadata: metadata(),
            },
            Message::Accept {
                request,
                connection,
                metadata: metadata(),
            },
            Message::Reject {
                request,
                reason: "",
                metadata: metadata(),
            },
        ] {
            let mut raw = Raw::client();
            raw.feed(&message);
            raw.assert_violation(ROOT, Rule::MetadataLimits);
        }
    }
}

#[test]
fn flow_call_payload_limit() {
    let long = [0; 1_001];
    each_breaks(Rule::PayloadLimit, three_channels, |on| {
        encoded(&[
            request(on, 9, &[], &long),
            response(on, 9, &[], &long),
            data(on, 1, &long),
        ])
    });
}

#[test]
fn channeling_id_zero_reserved() {
    each_breaks(Rule::ZeroChannelId, nothing, |on| {
        encoded(&[
            data(on, 0, &[]),
            close(on, 0),
            reset(on, 0),
            credit(on, 0, 1),
            request(on, 1, &[0], &[]),
            request(on, 1, &[1, 0], &[]),
            response(on, 1, &[0], OK),
        ])
    });
}

#[test]
fn channeling_id_parity() {
    each_breaks(Rule::ChannelIdParity, nothing, |on| {
        encoded(&[
            request(on, 1, &[2], &[]),
            request(on, 1, &[1, 4], &[]),
            response(on, 1, &[2], OK),
        ])
    });
    let mut raw = Raw::client();
    raw.feed(&request(ROOT, 1, &[1], &[]));
    raw.assert_violation(ROOT, Rule::ChannelIdParity);
}

#[test]
fn channeling_id_reused() {
    let live_and_over = |raw: &mut Raw, on| {
        raw.called(on, 1, &[1]);
        let call = raw.called(on, 2, &[3]);
        raw.peer.answer(&call, &[1, 1]);
    };
    each_breaks(Rule::ChannelIdReused, live_and_over, |on| {
        encoded(&[
            request(on, 9, &[1], &[]),
            request(on, 9, &[3], &[]),
            request(on, 9, &[5, 5], &[]),
            response(on, 9, &[1], OK),
            response(on, 9, &[7, 5, 7], OK),
        ])
    });
}

#[test]
fn channeling_unknown() {
    each_breaks(Rule::UnknownChannel, three_channels, |on| {
        let of = |id| {
            [
                data(on, id, &[]),
                close(on, id),
                reset(on, id),
                credit(on, id, 1),
            ]
        };
        [7, 2, u64::MAX, u64::MAX - 1]
            .into_iter()
            .flat_map(|id| encoded(&of(id)))
            .collect()
    });
}

#[test]
fn channeling_direction() {
    each_breaks(Rule::ChannelDirection, three_channels, |on| {
        encoded(&[
            data(on, 3, &[1]),
            data(on, 3, &[]),
            close(on, 3),
            credit(on, 1, 1),
        ])
    });
    each_breaks(Rule::ChannelDirection, own_channels, |on| {
        encoded(&[data(on, 4, &[1]), close(on, 4), credit(on, 2, 1)])
    });
}

#[test]
fn channeling_direction_of_a_channel_bound_later() {
    for virtual_connection in [false, true] {
        for (n, direction) in [Send, Send, Send, Receive].into_iter().enumerate() {
            let mut raw = Raw::server();
            let on = if virtual_connection {
                raw.connection()
            } else {
                ROOT
            };
            raw.called(on, 1, &[5]);
            let early = [
                data(on, 5, &[1]),
                data(on, 5, &[]),
                close(on, 5),
                credit(on, 5, 1),
            ];
            raw.feed(&early[n]);
            assert!(!raw.peer.link.channel(on, ChannelId(5)).bind(direction));
            raw.peer.collect();
            raw.assert_violation(on, Rule::ChannelDirection);
            raw.peer.link.calls(on).handler_finished(RequestId(1));
            raw.peer.assert_idle();
        }
    }
}

#[test]
fn channeling_data_after_close() {
    let after_close = |on| encoded(&[data(on, 1, &[1]), data(on, 1, &[]), close(on, 1)]);
    each_breaks(
        Rule::DataAfterClose,
        |raw, on| {
            three_channels(raw, on);
            raw.feed(&close(on, 1));
        },
        after_close,
    );
    // Also after the end was read and the channel was forgotten.
    each_breaks(
        Rule::DataAfterClose,
        |raw, on| {
            three_channels(raw, on);
            raw.feed(&close(on, 1));
            raw.peer.link.receiver(on, ChannelId(1)).read();
        },
        after_close,
    );
    // Also before the channel is bound.
    each_breaks(
        Rule::DataAfterClose,
        |raw, on| {
            raw.called(on, 1, &[1]);
            raw.feed(&close(on, 1));
        },
        after_close,
    );
}

#[test]
fn flow_channel_credit_overrun() {
    let full = |raw: &mut Raw, on| {
        three_channels(raw, on);
        raw.feed(&data(on, 1, &[0; 60]));
        raw.feed(&data(on, 1, &[0; 39]));
        raw.feed(&data(on, 5, &[0; 99]));
    };
    each_breaks(Rule::CreditOverrun, full, |on| {
        encoded(&[
            data(on, 1, &[0; 2]),
            data(on, 5, &[0; 2]),
            data(on, 1, &[0; 1_000]),
        ])
    });
}

#[test]
fn flow_channel_credit_overflow() {
    each_breaks(
        Rule::CreditOverflow,
        |raw, on| {
            three_channels(raw, on);
            raw.feed(&credit(on, 3, u32::MAX - 100));
        },
        |on| {
            encoded(&[
                credit(on, 3, 1),
                credit(on, 3, u32::MAX),
                credit(on, 5, u32::MAX - 99),
            ])
        },
    );
}
