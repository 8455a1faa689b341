//! Ids: who allocates them, and how the machine tells ended ids from unused ones.

use roam_proto::{ChannelId, Rule};

use super::harness::*;

fn opens(raw: &mut Raw, call: u64, channels: &[u64]) {
    let request = raw.called(ROOT, call, channels);
    raw.peer.answer(&request, &[1, 1]);
    raw.sent();
}

#[test]
fn initiator_uses_odd_and_acceptor_even_channel_ids() {
    let mut pair = Pair::new();
    for connection in [ROOT, pair.connect()] {
        for (peer, expected) in [(&mut pair.client, [1, 3]), (&mut pair.server, [2, 4])] {
            let directions = [Send, Receive];
            let (_, channels) = peer
                .link
                .calls(connection)
                .request(METHOD, NONE, &directions, &[])
                .unwrap();
            assert_eq!(channels, expected.map(ChannelId));
        }
    }
}

#[test]
fn arguments_and_results_share_channel_ids() {
    let mut pair = Pair::new();
    let request = pair.call(&[], &[]);
    let id = request.request;
    let result = pair
        .server
        .link
        .calls(ROOT)
        .respond(id, NONE, &[Send], OK, Handler::Running)
        .unwrap();
    let (_, argument) = pair
        .server
        .link
        .calls(ROOT)
        .request(METHOD, NONE, &[Send], &[])
        .unwrap();
    assert_eq!((result, argument), (vec![ChannelId(2)], vec![ChannelId(4)]));
}

#[test]
fn channel_ids_may_arrive_out_of_order() {
    let mut raw = Raw::server();
    for (call, ids) in [(1, &[9, 3][..]), (2, &[101]), (3, &[1, 7, 5]), (4, &[11])] {
        opens(&mut raw, call, ids);
    }
    assert!(raw.peer.link.close_reason().is_none());
    raw.feed(&data(ROOT, 7, &[1]));
    assert!(raw.peer.link.close_reason().is_none(), "7 has ended");
    raw.feed(&data(ROOT, 13, &[1]));
    raw.assert_violation(ROOT, Rule::UnknownChannel);
}

#[test]
fn skipped_id_may_be_used_once() {
    let mut raw = Raw::server();
    opens(&mut raw, 1, &[21]);
    opens(&mut raw, 2, &[11]);
    raw.feed(&request(ROOT, 3, &[11], &[]));
    raw.assert_violation(ROOT, Rule::ChannelIdReused);
}

#[test]
fn ended_ids_are_known_after_any_number_of_them() {
    let mut raw = Raw::server();
    for n in 0..5_000 {
        opens(&mut raw, n, &[2 * n + 1]);
    }
    for old in [1, 3, 5_001, 9_999] {
        for late in [
            data(ROOT, old, &[]),
            close(ROOT, old),
            reset(ROOT, old),
            credit(ROOT, old, 1),
        ] {
            raw.feed(&late);
        }
    }
    assert!(raw.peer.link.close_reason().is_none());
    raw.feed(&request(ROOT, 9_999, &[1], &[]));
    raw.assert_violation(ROOT, Rule::ChannelIdReused);
}

#[test]
fn oldest_of_very_many_skipped_ids_count_as_ended() {
    let mut raw = Raw::server();
    for n in 0..2_000 {
        opens(&mut raw, n, &[4 * n + 3]);
    }
    raw.feed(&data(ROOT, 1, &[]));
    assert!(
        raw.peer.link.close_reason().is_none(),
        "1 is forgotten, so it counts as ended"
    );
    opens(&mut raw, 3_000, &[4 * 1_999 + 1]);
    assert!(
        raw.peer.link.close_reason().is_none(),
        "a recently skipped id is still new"
    );
}

#[test]
fn largest_ids_work_like_others() {
    let mut raw = Raw::server();
    opens(&mut raw, u64::MAX, &[u64::MAX, u64::MAX - 2]);
    opens(&mut raw, 0, &[1]);
    raw.feed(&request(ROOT, 1, &[u64::MAX], &[]));
    raw.assert_violation(ROOT, Rule::ChannelIdReused);
}

#[test]
fn request_id_may_be_reused_after_its_call() {
    let mut raw = Raw::server();
    for _ in 0..3 {
        let call = raw.called(ROOT, 5, &[]);
        raw.peer.answer(&call, OK);
        raw.assert_sent(&[response(ROOT, 5, &[], OK)]);
    }
}
