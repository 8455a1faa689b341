//! Diagnostics: what is in flight, and for how long once the machine is given the time.

use std::time::Duration;

use roam_proto::{CallStage, ChannelEnd, ConnectionInFlight, Diagnostics, Direction, Link};

use super::harness::*;

const SECOND: Duration = Duration::from_secs(1);

fn sorted(link: &Link) -> Diagnostics {
    let mut diagnostics = link.diagnostics();
    diagnostics.sort();
    diagnostics
}

fn root(link: &Link) -> ConnectionInFlight {
    sorted(link).connections.swap_remove(0)
}

#[test]
fn call_is_listed_at_both_peers_until_it_ends() {
    let mut pair = Pair::new();
    let request = pair.call(&[Send, Receive], &[]);
    let (ours, theirs) = (root(&pair.client.link), root(&pair.server.link));
    for call in [&ours.outgoing[0], &theirs.incoming[0]] {
        assert_eq!(call.request, request.request);
        assert_eq!(call.method, METHOD);
        assert_eq!(call.stage, CallStage::Unanswered);
        assert_eq!(call.channels, request.channels);
    }
    assert!(ours.incoming.is_empty() && theirs.outgoing.is_empty());

    let link = &mut pair.server.link;
    link.calls(ROOT)
        .respond(request.request, NONE, &[], CANCELLED, Handler::Running)
        .unwrap();
    assert_eq!(root(link).incoming[0].stage, CallStage::Answered);
    pair.settle();
    pair.client.response();
    assert!(root(&pair.client.link).outgoing.is_empty());
    let link = &mut pair.server.link;
    assert_eq!(root(link).incoming[0].stage, CallStage::HandlerRunning);
    link.calls(ROOT).handler_finished(request.request);
    assert!(root(link).incoming.is_empty());
}

#[test]
fn channels_list_their_direction_method_and_contents() {
    let mut pair = Pair::new();
    let (request, up) = pair.upload();
    let down = pair.call(&[Receive], &[]).channels[0];
    let client = &mut pair.client.link;
    client.sender(ROOT, up).send(&[0; 40]).unwrap();
    client.sender(ROOT, up).send(&[0; 40]).unwrap();
    client.sender(ROOT, up).queue(&[0; 30]).unwrap();
    pair.settle();

    let ours = root(&pair.client.link).channels;
    assert_eq!((ours[0].id, ours[0].direction), (up, Some(Direction::Send)));
    assert_eq!((ours[0].credit, ours[0].queued), (20, 30));
    assert_eq!(ours[1].direction, Some(Direction::Receive));
    let theirs = root(&pair.server.link).channels;
    assert_eq!(theirs[0].direction, Some(Direction::Receive));
    assert_eq!((theirs[0].credit, theirs[0].queued), (20, 80));
    assert_eq!((theirs[1].id, theirs[1].direction), (down, None));
    for channel in ours.iter().chain(&theirs) {
        assert_eq!(channel.method, Some(METHOD));
        assert_eq!((channel.age, channel.end), (None, None));
    }

    pair.server.link.channel(ROOT, up).reset();
    pair.server.answer(&request, OK);
    pair.settle();
    let ours = root(&pair.client.link).channels;
    assert_eq!((ours[0].id, ours[0].end), (up, Some(ChannelEnd::Reset)));
    assert_eq!(ours[0].method, None, "the call has ended, unwatched");
}

#[test]
fn awaited_channels_are_marked() {
    let mut pair = Pair::new();
    let (_, up) = pair.upload();
    pair.server.take(up);
    assert!(root(&pair.server.link).channels[0].awaited);
    let client = &mut pair.client.link;
    assert!(!root(client).channels[0].awaited);
    assert!(client.sender(ROOT, up).wait_for_credit(101).is_err());
    assert!(root(client).channels[0].awaited);
}

#[test]
fn ages_follow_the_time_that_is_passed_in() {
    let mut pair = Pair::new();
    let early = pair.call(&[Send], &[]);
    let link = &mut pair.server.link;
    assert_eq!(root(link).age, None, "no time was passed in");
    link.handle_clock(5 * SECOND);
    pair.call(&[Send], &[]);
    let link = &mut pair.server.link;
    link.handle_clock(7 * SECOND);

    let seen = root(link);
    assert_eq!(seen.age, Some(7 * SECOND));
    assert_eq!(seen.incoming[0].request, early.request);
    let ages = |it: &ConnectionInFlight| -> Vec<_> {
        let channels = it.channels.iter().map(|channel| channel.age);
        it.incoming
            .iter()
            .map(|call| call.age)
            .chain(channels)
            .collect()
    };
    let (before, after) = (None, Some(2 * SECOND));
    assert_eq!(ages(&seen), [before, after, before, after]);
}

#[test]
fn watched_channel_keeps_its_method_after_its_call() {
    let mut pair = Pair::new();
    for peer in [&mut pair.client, &mut pair.server] {
        peer.link.handle_clock(SECOND);
    }
    let (argument, _) = pair.download();
    let answer =
        pair.server
            .link
            .calls(ROOT)
            .respond(argument.request, NONE, &[Send], OK, Handler::Running);
    let result = answer.unwrap()[0];
    pair.settle();
    pair.client.response();
    for peer in [&mut pair.client, &mut pair.server] {
        peer.link.handle_clock(3 * SECOND);
        let channels = root(&peer.link).channels;
        assert_eq!(channels.len(), 2);
        for channel in channels {
            assert_eq!(channel.method, Some(METHOD));
            assert_eq!(channel.age, Some(2 * SECOND));
        }
    }
    pair.client.link.channel(ROOT, argument.channels[0]).reset();
    pair.client.link.channel(ROOT, result).reset();
    pair.server
        .link
        .calls(ROOT)
        .handler_finished(argument.request);
    pair.settle();
    for peer in [&mut pair.client, &mut pair.server] {
        peer.collect();
        assert!(root(&peer.link).outgoing.is_empty());
    }
}

#[test]
fn connections_are_listed_while_anything_of_them_is_held() {
    let mut pair = Pair::new();
    pair.client.link.open_connection(NONE).unwrap();
    assert_eq!(pair.client.link.diagnostics().outgoing_connects, 1);
    pair.settle();
    assert_eq!(pair.server.link.diagnostics().incoming_connects, 1);
    pair.server.collect();
    pair.server.events.clear();

    pair.server.link.handle_clock(SECOND);
    let id = pair.connect();
    pair.client
        .link
        .calls(id)
        .request(METHOD, NONE, &[], &[])
        .unwrap();
    pair.settle();
    let request = pair.server.request().request;
    pair.server.link.handle_clock(2 * SECOND);
    pair.client.link.close_connection(id, "");
    pair.settle();

    let seen = sorted(&pair.server.link);
    let [root, other] = &seen.connections[..] else {
        panic!("{seen:?}");
    };
    assert_eq!((root.id, root.ended), (ROOT, false));
    assert_eq!((other.id, other.ended), (id, true));
    assert_eq!(other.age, Some(SECOND));
    assert_eq!(other.incoming[0].stage, CallStage::HandlerRunning);
    pair.server.link.calls(id).handler_finished(request);
    assert_eq!(pair.server.link.diagnostics().connections.len(), 1);
}

#[test]
fn queued_frames_and_blocked_channels_are_counted() {
    let config = limited(|limits| limits.send_buffer = 150);
    let mut pair = Pair::with(roam_proto::Framing::Single, &config, &config);
    let (_, up) = pair.upload();
    let link = &mut pair.client.link;
    let Diagnostics {
        agreed,
        queued_frames,
        blocked_channels,
        ..
    } = link.diagnostics();
    assert_eq!(agreed, link.agreed());
    assert_eq!((queued_frames, blocked_channels), (0, 0));
    link.sender(ROOT, up).send(&[0; 30]).unwrap();
    link.sender(ROOT, up).send(&[0; 30]).unwrap();
    assert!(link.sender(ROOT, up).send(&[0; 30]).is_err());
    let seen = link.diagnostics();
    assert_eq!((seen.queued_frames, seen.blocked_channels), (2, 1));
    assert_eq!(
        seen.stats.queued_bytes,
        2 * 34,
        "payloads plus the overhead of their frames"
    );
    assert_eq!(seen.stats, link.stats());
    assert_eq!(seen.queued_replies, 0);

    link.channel(ROOT, up).reset();
    link.close("bye");
    let seen = link.diagnostics();
    assert!(seen.queued_replies > 0, "the Goodbye is queued");
    assert!(seen.connections[0].ended);
    assert_eq!(seen.close_reason.unwrap().to_string(), "closed here: bye");
}
