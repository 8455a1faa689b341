//! Channels that wait for the pool.

use roam_proto::{ChannelId, Config, Framing, SendError};

use super::harness::*;

/// Two machines whose channels share pools.
fn pair() -> Pair {
    Pair::with(Framing::Numbered, &Config::client(), &Config::default())
}

fn send(peer: &mut Peer, channel: ChannelId, element: &[u8]) -> Result<(), SendError> {
    peer.link.sender(ROOT, channel).send(element)
}

/// Uses up the server's pool for what it sends: nobody reads it.
fn use_up(pair: &mut Pair) {
    for _ in 0..400 {
        let (_, channel) = pair.download();
        while send(&mut pair.server, channel, &vec![0; 50_000]).is_ok() {
            pair.carry_to_client();
        }
        pair.settle();
        pair.server.events.clear();
    }
}

#[test]
fn channels_that_end_while_their_senders_wait_leave_nothing_behind() {
    let mut pair = pair();
    use_up(&mut pair);
    let waiting = pair.server.link.diagnostics().short_channels;
    for _ in 0..2_000 {
        let (request, channel) = pair.download();
        let blocked = send(&mut pair.server, channel, &vec![0; 50_000]);
        assert_eq!(blocked, Err(SendError::Blocked));
        pair.client.link.calls(ROOT).cancel(request.request);
        pair.settle();
        pair.server.link.sender(ROOT, channel).close();
        pair.server
            .link
            .calls(ROOT)
            .handler_finished(request.request);
        pair.server.events.clear();
        pair.client.events.clear();
    }
    let listed = pair.server.link.diagnostics().short_channels;
    assert!(listed <= 2 * waiting + 64, "{listed} of {waiting}");
}

#[test]
fn channels_that_end_while_they_are_refused_credit_leave_nothing_behind() {
    let mut pair = pair();
    let element = vec![0; 1 << 20];
    let (mut held, mut refused) = (0, 0);
    for _ in 0..2_000 {
        let (request, channel) = pair.upload();
        assert!(pair.server.take(channel).is_empty(), "the reader waits");
        let sent = send(&mut pair.client, channel, &element).is_ok();
        pair.settle();
        if sent || send(&mut pair.client, channel, &element).is_ok() {
            // It arrives, and is never read.
            pair.settle();
            held += 1;
        } else {
            refused += 1;
            pair.client.link.calls(ROOT).cancel(request.request);
            pair.settle();
            pair.server.link.channel(ROOT, channel).reset();
        }
        pair.server
            .link
            .calls(ROOT)
            .handler_finished(request.request);
        pair.server.events.clear();
        pair.client.events.clear();
    }
    assert!(held > 1 && refused > 1_000, "{held}, {refused}");
    let listed = pair.server.link.diagnostics().refused_channels;
    assert!(listed <= 130, "{listed}");
}

#[test]
fn each_question_of_a_sender_has_one_answer() {
    let config = Config::default().with_initial_channel_credit(20_000);
    let mut pair = Pair::with(Framing::Numbered, &Config::client(), &config);
    let (_, channel) = pair.upload();
    for n in 1..=19_000 {
        send(&mut pair.client, channel, &[0]).unwrap();
        if n % 1_000 == 0 {
            pair.settle();
        }
    }
    assert_eq!(
        send(&mut pair.client, channel, &[0; 2_000]),
        Err(SendError::Blocked)
    );
    pair.settle();
    // The transport is slow now: the reader consumes element after element, and the sender hears nothing.
    pair.server.take(channel);
    for _ in 0..18_000 {
        pair.server.link.receiver(ROOT, channel).consume(1);
    }
    assert!(
        pair.server.link.stats().queued_bytes < 64,
        "{:?}",
        pair.server.link.stats()
    );
}

#[test]
fn crowd_on_one_connection_leaves_room_for_another() {
    let mut pair = pair();
    let on = pair.connect();
    let calls = pair.client.link.calls(on);
    let (_, channels) = calls.request(METHOD, NONE, &[Send], &[]).unwrap();
    pair.settle();
    assert!(pair.server.link.channel(on, channels[0]).bind(Receive));
    pair.server.events.clear();
    // Nobody reads a thousand channels of the root connection.
    for _ in 0..1_000 {
        let (_, channel) = pair.upload();
        while send(&mut pair.client, channel, &vec![0; 10_000]).is_ok() {
            pair.settle();
        }
        pair.client.events.clear();
    }
    let mut sent = 0;
    let element = vec![0; 10_000];
    while (pair.client.link.sender(on, channels[0]))
        .send(&element)
        .is_ok()
    {
        sent += element.len();
        pair.settle();
    }
    // As much as a new channel may send on a link that nobody else uses.
    assert!(sent >= 250_000, "{sent}");
}
