//! Relays: channels that pass through a proxy, which does not know what they carry.

mod credit;
mod proxy;

use roam_proto::{Event, Rule};

use roam_proto::NewChannels;

use super::harness::*;
use proxy::{Proxy, window};

#[test]
fn data_and_close_pass_upstream() {
    let mut proxy = Proxy::new();
    proxy.one_channel();
    proxy.feed_downstream(&data(ROOT, 1, &[1; 20]));
    proxy.feed_downstream(&data(ROOT, 1, &[]));
    proxy.feed_downstream(&close(ROOT, 1));
    proxy
        .up
        .assert_sent(&[data(ROOT, 1, &[1; 20]), data(ROOT, 1, &[]), close(ROOT, 1)]);
    proxy.feed_upstream(&response(ROOT, 1, &[], OK));
    proxy.answer(1);
    proxy.down.assert_sent(&[response(ROOT, 1, &[], OK)]);
    proxy.assert_idle();
}

#[test]
fn data_and_close_pass_downstream() {
    let mut proxy = Proxy::new();
    proxy.one_channel();
    proxy.feed_upstream(&data(ROOT, 1, &[1; 20]));
    proxy.feed_upstream(&close(ROOT, 1));
    proxy
        .down
        .assert_sent(&[data(ROOT, 1, &[1; 20]), close(ROOT, 1)]);
    proxy.feed_upstream(&response(ROOT, 1, &[], OK));
    proxy.answer(1);
    proxy.down.sent();
    proxy.assert_idle();
}

#[test]
fn channel_may_close_before_anything_is_sent_on_it() {
    let mut proxy = Proxy::new();
    proxy.call(1, &[1, 3]);
    proxy.feed_downstream(&close(ROOT, 1));
    proxy.feed_upstream(&close(ROOT, 3));
    proxy.up.assert_sent(&[close(ROOT, 1)]);
    proxy.down.assert_sent(&[close(ROOT, 3)]);
    proxy.feed_upstream(&response(ROOT, 1, &[], OK));
    proxy.answer(1);
    proxy.down.sent();
    proxy.assert_idle();
}

#[test]
fn channels_are_renumbered() {
    let mut proxy = Proxy::new();
    proxy.call(1, &[7, 3]);
    proxy.feed_downstream(&data(ROOT, 3, &[3]));
    proxy.feed_downstream(&data(ROOT, 7, &[7]));
    proxy
        .up
        .assert_sent(&[data(ROOT, 3, &[3]), data(ROOT, 1, &[7])]);
}

#[test]
fn data_that_arrives_before_the_forwarded_call_follows_it() {
    let mut proxy = Proxy::new();
    let call = proxy.down.called(ROOT, 1, &[1]);
    proxy.down.feed(&data(ROOT, 1, &[9]));
    proxy.down.feed(&close(ROOT, 1));
    let up = &mut proxy.up.peer.link;
    let (_, channels) = up
        .calls(ROOT)
        .request(METHOD, NONE, NewChannels::Relayed(1), &[])
        .unwrap();
    proxy
        .down
        .peer
        .link
        .channel(ROOT, call.channels[0])
        .leave_to_relay();
    proxy.join(call.channels[0], channels[0]);
    proxy.up.assert_sent(&[
        request(ROOT, 1, &[1], &[]),
        data(ROOT, 1, &[9]),
        close(ROOT, 1),
    ]);
}

#[test]
fn channels_in_a_result_follow_their_response() {
    let mut proxy = Proxy::new();
    proxy.call(1, &[]);
    proxy.up.feed(&response(ROOT, 1, &[2, 4], OK));
    proxy.up.feed(&data(ROOT, 2, &[5]));
    let answer = proxy.up.peer.response();
    let down = &mut proxy.down.peer.link;
    let call = roam_proto::RequestId(1);
    let downstream = down
        .calls(ROOT)
        .respond(call, NONE, NewChannels::Relayed(2), OK, Handler::Running)
        .unwrap();
    down.calls(ROOT).handler_finished(call);
    for (downstream, upstream) in downstream.into_iter().zip(answer.channels.unwrap()) {
        proxy.up.peer.link.channel(ROOT, upstream).leave_to_relay();
        proxy.join(downstream, upstream);
    }
    proxy
        .down
        .assert_sent(&[response(ROOT, 1, &[2, 4], OK), data(ROOT, 2, &[5])]);
    proxy.feed_upstream(&close(ROOT, 2));
    proxy.feed_downstream(&data(ROOT, 4, &[6]));
    proxy.feed_downstream(&close(ROOT, 4));
    proxy.down.assert_sent(&[close(ROOT, 2)]);
    proxy.up.assert_sent(&[data(ROOT, 4, &[6]), close(ROOT, 4)]);
    proxy.assert_idle();
}

#[test]
fn channels_outlive_their_call() {
    let mut proxy = Proxy::new();
    proxy.call(1, &[1, 3]);
    proxy.feed_upstream(&response(ROOT, 1, &[], OK));
    proxy.answer(1);
    proxy.down.assert_sent(&[response(ROOT, 1, &[], OK)]);
    proxy.feed_upstream(&data(ROOT, 1, &[1]));
    proxy.feed_downstream(&data(ROOT, 3, &[3]));
    proxy.down.assert_sent(&[data(ROOT, 1, &[1])]);
    proxy.up.assert_sent(&[data(ROOT, 3, &[3])]);
    proxy.feed_upstream(&close(ROOT, 1));
    proxy.feed_downstream(&close(ROOT, 3));
    proxy.down.sent();
    proxy.up.sent();
    proxy.assert_idle();
}

#[test]
fn reset_passes_from_either_half() {
    // From the sender and from the receiver, before and after the relay knows which is which.
    for used in [false, true] {
        let mut proxy = Proxy::new();
        proxy.call(1, &[1, 3, 5, 7]);
        if used {
            proxy.feed_downstream(&data(ROOT, 1, &[1]));
            proxy.feed_downstream(&data(ROOT, 3, &[1]));
            proxy.feed_upstream(&data(ROOT, 5, &[1]));
            proxy.feed_upstream(&data(ROOT, 7, &[1]));
            proxy.down.sent();
            proxy.up.sent();
        }
        proxy.feed_downstream(&reset(ROOT, 1));
        proxy.feed_upstream(&reset(ROOT, 3));
        proxy.feed_downstream(&reset(ROOT, 5));
        proxy.feed_upstream(&reset(ROOT, 7));
        proxy.up.assert_sent(&[reset(ROOT, 1), reset(ROOT, 5)]);
        proxy.down.assert_sent(&[reset(ROOT, 3), reset(ROOT, 7)]);
        proxy.feed_upstream(&response(ROOT, 1, &[], OK));
        proxy.answer(1);
        proxy.down.sent();
        proxy.assert_idle();
    }
}

#[test]
fn data_after_a_reset_is_dropped() {
    let mut proxy = Proxy::new();
    proxy.one_channel();
    for _ in 0..2 {
        proxy.feed_downstream(&data(ROOT, 1, &[1; 50]));
    }
    proxy.up.sent();
    // The next element is within the granted credit, so it passes before the Reset.
    proxy.feed_upstream(&credit(ROOT, 1, 60));
    proxy.down.assert_sent(&[credit(ROOT, 1, 60)]);
    proxy.feed_downstream(&data(ROOT, 1, &[1; 40]));
    proxy.feed_downstream(&reset(ROOT, 1));
    proxy
        .up
        .assert_sent(&[data(ROOT, 1, &[1; 40]), reset(ROOT, 1)]);
    proxy.feed_downstream(&data(ROOT, 1, &[1; 9]));
    proxy.assert_silent();
}

#[test]
fn error_upstream_ends_channels_by_its_answer() {
    for used in [false, true] {
        let mut proxy = Proxy::new();
        proxy.call(1, &[1, 3, 5]);
        if used {
            proxy.feed_downstream(&data(ROOT, 1, &[1]));
            proxy.feed_upstream(&data(ROOT, 3, &[1]));
            proxy.feed_downstream(&close(ROOT, 5));
            proxy.down.sent();
            proxy.up.sent();
        }
        proxy.feed_upstream(&response(ROOT, 1, &[], &[1, 0, 9]));
        proxy.assert_silent();
        proxy.answer(1);
        proxy
            .down
            .assert_sent(&[response(ROOT, 1, &[], &[1, 0, 9])]);
        proxy.assert_idle();
    }
}

#[test]
fn cancel_passes_upstream() {
    let mut proxy = Proxy::new();
    let request = proxy.one_channel();
    proxy.feed_downstream(&data(ROOT, 1, &[1]));
    proxy.up.sent();
    proxy.down.feed(&cancel(ROOT, 1));
    assert!(matches!(
        proxy.down.peer.events.pop_back(),
        Some(Event::Cancelled { .. })
    ));
    proxy.up.peer.link.calls(ROOT).cancel(request);
    proxy
        .down
        .peer
        .link
        .calls(ROOT)
        .handler_finished(roam_proto::RequestId(1));
    proxy.settle();
    proxy.up.assert_sent(&[cancel(ROOT, 1), reset(ROOT, 1)]);
    proxy.down.assert_sent(&[response(ROOT, 1, &[], CANCELLED)]);
    proxy.assert_idle();
}

#[test]
fn lost_link_resets_channels_on_the_other_link() {
    for upstream in [false, true] {
        let mut proxy = Proxy::new();
        proxy.call(1, &[1, 3, 5]);
        proxy.feed_downstream(&data(ROOT, 1, &[1]));
        proxy.feed_upstream(&data(ROOT, 3, &[1]));
        proxy.down.sent();
        proxy.up.sent();
        let (lost, other) = if upstream {
            (&mut proxy.up, &mut proxy.down)
        } else {
            (&mut proxy.down, &mut proxy.up)
        };
        let error: Box<dyn std::error::Error + std::marker::Send + Sync> = "lost".into();
        lost.peer.link.handle_lost(error.into());
        other.sent();
        proxy.settle();
        let resets = [reset(ROOT, 1), reset(ROOT, 3), reset(ROOT, 5)];
        let mut sent = if upstream {
            proxy.down.sent()
        } else {
            proxy.up.sent()
        };
        sent.sort();
        assert_eq!(sent, resets.map(|message| encode(&message)));
    }
}

#[test]
fn close_still_passes_when_its_link_is_lost_afterwards() {
    let mut proxy = Proxy::with(&small(), &window(20));
    proxy.one_channel();
    for n in 0..3 {
        proxy.feed_downstream(&data(ROOT, 1, &[n; 10]));
    }
    proxy.feed_downstream(&close(ROOT, 1));
    let error: Box<dyn std::error::Error + std::marker::Send + Sync> = "lost".into();
    proxy.down.peer.link.handle_lost(error.into());
    proxy.settle();
    proxy
        .up
        .assert_sent(&[data(ROOT, 1, &[0; 10]), data(ROOT, 1, &[1; 10])]);
    proxy.feed_upstream(&credit(ROOT, 1, 11));
    proxy
        .up
        .assert_sent(&[data(ROOT, 1, &[2; 10]), close(ROOT, 1)]);
}

#[test]
fn element_too_long_for_the_other_link_resets_its_channel() {
    let mut proxy = Proxy::with(&small(), &window(60));
    proxy.call(1, &[1, 3]);
    proxy.feed_downstream(&data(ROOT, 1, &[1; 30]));
    proxy.feed_downstream(&data(ROOT, 1, &[1; 31]));
    proxy
        .up
        .assert_sent(&[data(ROOT, 1, &[1; 30]), reset(ROOT, 1)]);
    proxy.down.assert_sent(&[reset(ROOT, 1)]);
    proxy.feed_downstream(&data(ROOT, 3, &[1; 30]));
    proxy.up.assert_sent(&[data(ROOT, 3, &[1; 30])]);
}

#[test]
fn abandoned_relay_resets_both_channels() {
    let mut proxy = Proxy::new();
    proxy.call(1, &[1, 3]);
    proxy.feed_downstream(&data(ROOT, 1, &[1]));
    proxy.up.sent();
    proxy.abandon();
    proxy.up.assert_sent(&[reset(ROOT, 1), reset(ROOT, 3)]);
    proxy.down.assert_sent(&[reset(ROOT, 1), reset(ROOT, 3)]);
}

#[test]
fn busy_without_budget_for_data_from_downstream() {
    let down = limited(|limits| limits.receive_budget = 1024);
    let mut proxy = Proxy::with(&down, &small());
    proxy.call(1, &[1, 3]);
    proxy.feed_downstream(&data(ROOT, 1, &[1]));
    proxy.up.assert_sent(&[data(ROOT, 1, &[1])]);
    proxy.feed_downstream(&data(ROOT, 3, &[1]));
    proxy.down.assert_sent(&[busy(ROOT, 1)]);
    // The proxy cancels the call in response; until then its channels are reset.
    proxy.up.assert_sent(&[reset(ROOT, 1), reset(ROOT, 3)]);
}

#[test]
fn busy_without_budget_for_data_from_upstream() {
    let up = limited(|limits| limits.receive_budget = 1024);
    let mut proxy = Proxy::with(&small(), &up);
    proxy.call(1, &[1, 3]);
    proxy.feed_upstream(&data(ROOT, 1, &[1]));
    proxy.down.assert_sent(&[data(ROOT, 1, &[1])]);
    proxy.feed_upstream(&data(ROOT, 3, &[1]));
    proxy
        .up
        .assert_sent(&[cancel(ROOT, 1), reset(ROOT, 1), reset(ROOT, 3)]);
    proxy.answer(1);
    proxy.down.assert_sent(&[busy(ROOT, 1)]);
    proxy.feed_upstream(&response(ROOT, 1, &[], OK));
    proxy.assert_idle();
}

#[test]
fn channel_that_outlived_its_call_is_reset_without_budget() {
    let up = limited(|limits| limits.receive_budget = 1024);
    let mut proxy = Proxy::with(&small(), &up);
    proxy.call(1, &[1, 3]);
    proxy.feed_upstream(&response(ROOT, 1, &[], OK));
    proxy.answer(1);
    proxy.down.sent();
    proxy.feed_upstream(&data(ROOT, 1, &[1]));
    proxy.feed_upstream(&data(ROOT, 3, &[1]));
    proxy.up.assert_sent(&[reset(ROOT, 3)]);
    proxy
        .down
        .assert_sent(&[data(ROOT, 1, &[1]), reset(ROOT, 3)]);
}

#[test]
fn violation_if_both_peers_send() {
    let mut proxy = Proxy::new();
    proxy.one_channel();
    proxy.feed_downstream(&data(ROOT, 1, &[1]));
    proxy.feed_upstream(&data(ROOT, 1, &[2]));
    proxy.down.assert_sent(&[reset(ROOT, 1)]);
    proxy.up.assert_violation(ROOT, Rule::ChannelDirection);
}

#[test]
fn violation_if_a_peer_grants_credit_to_itself() {
    let mut proxy = Proxy::new();
    proxy.one_channel();
    proxy.feed_downstream(&data(ROOT, 1, &[1]));
    proxy.up.sent();
    proxy.down.feed(&credit(ROOT, 1, 1));
    proxy.down.assert_violation(ROOT, Rule::ChannelDirection);
}
