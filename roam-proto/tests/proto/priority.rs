//! What overtakes what: calls, answers and control go before bulk, and nothing that must follow does.

use roam_proto::{
    ChannelEnd, ChannelId, Config, ConnectionId, Event, Framing, Message, ReadOutcome, SendError,
};

use super::harness::*;

/// Two machines that number their frames.
fn pair() -> Pair {
    Pair::with(Framing::Numbered, &Config::client(), &Config::default())
}

/// Sends elements of `len` bytes until the channel is blocked. Returns how many bytes those were.
fn fill(peer: &mut Peer, on: ConnectionId, channel: ChannelId, len: usize) -> usize {
    let element = vec![0; len];
    let mut sent = 0;
    while peer.link.sender(on, channel).send(&element).is_ok() {
        sent += len;
    }
    sent
}

/// Has a channel of the client grow until its credit exceeds the send buffer.
fn grown_upload(pair: &mut Pair) -> ChannelId {
    let (_, channel) = pair.upload();
    for _ in 0..12 {
        fill(&mut pair.client, ROOT, channel, 1_000);
        pair.settle();
        pair.server.read(channel);
        pair.settle();
        // The reader waits.
        pair.server.take(channel);
        pair.settle();
    }
    pair.client.events.clear();
    pair.server.events.clear();
    channel
}

/// Reads a varint, and returns the rest.
fn varint(bytes: &[u8]) -> (usize, &[u8]) {
    let mut value = 0;
    for (n, byte) in bytes.iter().enumerate() {
        value |= usize::from(byte & 0x7f) << (7 * n);
        if byte & 0x80 == 0 {
            return (value, &bytes[n + 1..]);
        }
    }
    panic!("a cut varint");
}

/// Has the peer send its next frame of messages, to nobody, and names them.
fn next_frame(peer: &mut Peer) -> Vec<&'static str> {
    let is_data = |frame: &bytes::Bytes| matches!(frame[0], 0x00 | 0x10);
    let frame = core::iter::from_fn(|| peer.link.poll_transmit()).find(is_data);
    messages_in(&frame.expect("a frame is queued"))
}

/// Names the messages in a frame.
fn messages_in(frame: &[u8]) -> Vec<&'static str> {
    let mut names = Vec::new();
    let (_, rest) = varint(&frame[1..]);
    let (_, mut rest) = varint(rest);
    while !rest.is_empty() {
        let (len, record) = varint(rest);
        names.push(match Message::decode(&record[..len]).unwrap() {
            Message::Request { .. } => "Request",
            Message::Response { .. } => "Response",
            Message::Cancel { .. } => "Cancel",
            Message::Data { .. } => "Data",
            Message::Close { .. } => "Close",
            Message::Reset { .. } => "Reset",
            Message::Goodbye { .. } => "Goodbye",
            Message::Part { .. } => "Part",
            _ => "other",
        });
        rest = &record[len..];
    }
    names.dedup();
    names
}

fn call(peer: &mut Peer, payload: &[u8]) {
    let calls = peer.link.calls(ROOT);
    calls.request(METHOD, NONE, &[], payload).unwrap();
}

#[test]
fn call_overtakes_elements() {
    let mut pair = pair();
    let channel = grown_upload(&mut pair);
    assert!(fill(&mut pair.client, ROOT, channel, 1_000) > 200_000);
    call(&mut pair.client, &[0; 16 * 1024 - 64]);
    assert_eq!(next_frame(&mut pair.client), ["Request"]);
    assert_eq!(next_frame(&mut pair.client), ["Data"]);
}

#[test]
fn long_call_waits_behind_elements() {
    let mut pair = pair();
    let channel = grown_upload(&mut pair);
    fill(&mut pair.client, ROOT, channel, 1_000);
    call(&mut pair.client, &[0; 16 * 1024]);
    assert_eq!(next_frame(&mut pair.client), ["Data"]);
}

#[test]
fn call_goes_between_the_parts_of_a_long_message() {
    let mut pair = pair();
    call(&mut pair.client, &vec![0; 1 << 20]);
    assert_eq!(next_frame(&mut pair.client), ["Part"]);
    call(&mut pair.client, &[]);
    assert_eq!(next_frame(&mut pair.client), ["Request"]);
    assert_eq!(next_frame(&mut pair.client), ["Part"]);
}

#[test]
fn call_is_queued_while_elements_fill_the_send_buffer() {
    let mut pair = pair();
    let channel = grown_upload(&mut pair);
    fill(&mut pair.client, ROOT, channel, 1_000);
    assert!(pair.client.link.has_capacity(16 * 1024));
    assert!(!pair.client.link.has_capacity(16 * 1024 + 1));
    pair.client.link.wait_for_capacity(16 * 1024 + 1);
    pair.settle();
    let ready = |event: &Event| matches!(event, Event::SendBufferReady);
    assert!(pair.client.events.iter().any(ready));
}

#[test]
fn bulk_keeps_one_turn_in_five() {
    let mut pair = pair();
    let channel = grown_upload(&mut pair);
    fill(&mut pair.client, ROOT, channel, 1_000);
    // Four calls fill a frame.
    for _ in 0..32 {
        call(&mut pair.client, &[0; 16_000]);
    }
    let mut turns = Vec::new();
    while let Some(frame) = pair.client.link.poll_transmit() {
        turns.push(messages_in(&frame)[0]);
        pair.server.link.handle_frame(&frame);
        pair.carry_to_client();
    }
    let of_bulk = |n: &usize| turns[*n] == "Data";
    let turns_of_bulk: Vec<_> = (0..turns.len()).filter(of_bulk).collect();
    assert_eq!(turns_of_bulk[..2], [4, 9], "{turns:?}");
}

#[test]
fn element_does_not_overtake_the_call_that_opens_its_channel() {
    let mut pair = pair();
    for _ in 0..40 {
        call(&mut pair.client, &[0; 16_000]);
    }
    let calls = pair.client.link.calls(ROOT);
    let (_, channels) = calls.request(METHOD, NONE, &[Send], &[]).unwrap();
    let sender = pair.client.link.sender(ROOT, channels[0]);
    sender.send(&[7]).unwrap();
    pair.settle();
    assert!(pair.server.link.close_reason().is_none());
    let opened = |event: &Event| matches!(event, Event::Request(it) if it.channels == channels);
    assert!(pair.server.events.iter().any(opened));
    assert!(pair.server.link.channel(ROOT, channels[0]).bind(Receive));
    assert_eq!(pair.server.read(channels[0]), [[7]]);
}

#[test]
fn cancel_and_reset_do_not_overtake_a_long_call() {
    let mut pair = pair();
    let calls = pair.client.link.calls(ROOT);
    let (request, _) = (calls.request(METHOD, NONE, &[Send], &vec![0; 1 << 20])).unwrap();
    pair.client.link.calls(ROOT).cancel(request);
    pair.settle();
    assert!(pair.server.link.close_reason().is_none());
    let cancelled = |event: &Event| matches!(event, Event::Cancelled { .. });
    assert!(pair.server.events.iter().any(cancelled));
}

/// Has the server close a channel with elements that wait in its outbox, and then answer.
fn close_and_answer(answer: &[u8]) -> (Pair, ChannelId) {
    let mut pair = pair();
    let (request, channel) = pair.download();
    pair.client.take(channel);
    pair.settle();
    for _ in 0..5 {
        let sender = pair.server.link.sender(ROOT, channel);
        sender.send(&[7; 10]).unwrap();
    }
    pair.server.link.sender(ROOT, channel).close();
    let calls = pair.server.link.calls(ROOT);
    calls
        .respond(request.request, NONE, &[], answer, Handler::Finished)
        .unwrap();
    (pair, channel)
}

#[test]
fn answer_does_not_overtake_the_end_of_a_channel_that_its_handler_has_closed() {
    let (mut pair, channel) = close_and_answer(&[1, 0, 9]);
    pair.settle();
    assert_eq!(pair.client.read(channel).len(), 5);
    let end = pair.client.link.receiver(ROOT, channel).read();
    assert!(
        matches!(end, ReadOutcome::Ended(ChannelEnd::Closed)),
        "{end:?}"
    );
}

#[test]
fn answer_overtakes_elements_of_a_channel_that_stays_open() {
    let mut pair = pair();
    let (request, channel) = pair.download();
    let sender = pair.server.link.sender(ROOT, channel);
    sender.send(&[7; 10]).unwrap();
    let calls = pair.server.link.calls(ROOT);
    calls
        .respond(request.request, NONE, &[], OK, Handler::Finished)
        .unwrap();
    assert_eq!(next_frame(&mut pair.server), ["Response"]);
    assert_eq!(next_frame(&mut pair.server), ["Data"]);
}

#[test]
fn end_of_a_connection_follows_everything_on_it() {
    let mut pair = pair();
    let on = pair.connect();
    let calls = pair.client.link.calls(on);
    let (_, channels) = calls.request(METHOD, NONE, &[Send], &[]).unwrap();
    for n in 0..5 {
        let sender = pair.client.link.sender(on, channels[0]);
        sender.send(&[n]).unwrap();
    }
    pair.client.link.close_connection(on, "enough");
    call(&mut pair.client, &[]);
    let mut messages = Vec::new();
    while messages.last() != Some(&"Goodbye") {
        messages.extend(next_frame(&mut pair.client));
    }
    assert_eq!(messages, ["Request", "Data", "Goodbye"]);
}

#[test]
fn call_goes_on_while_elements_wait_for_acknowledgements() {
    let mut pair = pair();
    let channels = [(); 4].map(|()| grown_upload(&mut pair));
    // Nothing arrives at the server: nothing is acknowledged.
    let is_sent = |pair: &mut Pair| {
        for channel in channels {
            fill(&mut pair.client, ROOT, channel, 1_000);
        }
        pair.client.link.poll_transmit().is_some()
    };
    while is_sent(&mut pair) {}
    assert!(pair.client.link.is_held_back());
    call(&mut pair.client, &[]);
    assert_eq!(next_frame(&mut pair.client), ["Request"]);
}

/// Neither end waits for a ping: whatever the sender waits for, the receiver acknowledges.
#[test]
fn bulk_goes_on_whatever_the_size_of_the_replay_buffer() {
    for replay in [500, 1_000, 16 << 10, 64 << 10, 256 << 10, 4 << 20] {
        for len in [0, 1, 100, 5_000] {
            for shares_frames in [true, false] {
                let limited = |config: Config| {
                    let mut config = config;
                    config.limits.replay = replay;
                    config
                };
                let (client, server) = (limited(Config::client()), limited(Config::default()));
                let mut pair = Pair::with(Framing::Numbered, &client, &server);
                let (_, channel) = pair.upload();
                let mut arrived = 0;
                for _ in 0..3_000 {
                    let sender = pair.client.link.sender(ROOT, channel);
                    sender.queue(&vec![0; len]).unwrap();
                    if !shares_frames {
                        pair.carry_to_server();
                    }
                }
                while pair.carry_to_server() | pair.carry_to_client() {
                    arrived += pair.server.read(channel).len();
                }
                let case = format!("replay {replay}, elements of {len}, shared {shares_frames}");
                assert_eq!(arrived, 3_000, "{case}");
                pair.client.events.clear();
                pair.server.events.clear();
            }
        }
    }
}

#[test]
fn elements_that_come_one_by_one_are_not_starved_by_calls() {
    let mut pair = pair();
    let (_, channel) = pair.upload();
    let mut waited = 0;
    for _ in 0..500 {
        // As many calls as may wait, always.
        while pair.client.link.has_capacity(10_000) {
            call(&mut pair.client, &[0; 10_000]);
        }
        let sender = pair.client.link.sender(ROOT, channel);
        sender.queue(&[7]).unwrap();
        let frame = pair.client.link.poll_transmit().expect("a frame is queued");
        waited += 1;
        if messages_in(&frame) == ["Data"] {
            waited = 0;
        }
        assert!(waited <= 10, "calls keep an element from leaving");
        pair.server.link.handle_frame(&frame);
        pair.carry_to_client();
    }
}

/// Lets all channels send what they may, frame by frame, until `total` bytes were sent. Returns the bytes of each.
fn share(
    pair: &mut Pair,
    channels: &[(ConnectionId, ChannelId, usize)],
    total: usize,
) -> Vec<usize> {
    let mut sent = vec![0; channels.len()];
    while sent.iter().sum::<usize>() < total {
        for (at, &(on, channel, len)) in channels.iter().enumerate() {
            sent[at] += fill(&mut pair.client, on, channel, len);
            let sender = pair.client.link.sender(on, channel);
            assert_eq!(sender.wait_for_credit(len), Err(SendError::Blocked));
        }
        let frame = pair.client.link.poll_transmit().expect("a frame is queued");
        pair.server.link.handle_frame(&frame);
        pair.server.link.handle_caught_up();
        for &(on, channel, _) in channels {
            if let ReadOutcome::Elements { mut queue, .. } =
                pair.server.link.receiver(on, channel).read()
            {
                let mut read = 0;
                while let Some(len) = queue.pop(<[u8]>::len) {
                    read += u32::try_from(len).unwrap();
                }
                pair.server.link.receiver(on, channel).consume(read);
            }
        }
        pair.carry_to_client();
    }
    sent
}

#[test]
fn channels_share_the_send_buffer_whatever_the_length_of_their_elements() {
    let mut pair = pair();
    let channels = [10, 1_000, 30_000].map(|len| (ROOT, grown_upload(&mut pair), len));
    let sent = share(&mut pair, &channels, 30 << 20);
    // Each element counts as 128 bytes more than it has.
    let turns = [(sent[0], 10), (sent[1], 1_000), (sent[2], 30_000)]
        .map(|(bytes, len)| bytes / len * (len + 128));
    let all: usize = turns.iter().sum();
    for turn in turns {
        assert!(turn.abs_diff(all / 3) < all / 10, "{turns:?}");
    }
}

#[test]
fn connections_share_the_send_buffer_whatever_the_number_of_their_channels() {
    let mut pair = pair();
    let on = pair.connect();
    let calls = pair.client.link.calls(on);
    let (_, opened) = calls.request(METHOD, NONE, &[Send], &[]).unwrap();
    pair.settle();
    assert!(pair.server.link.channel(on, opened[0]).bind(Receive));
    pair.server.events.clear();
    let mut channels = vec![(on, opened[0], 1_000)];
    channels.extend((0..9).map(|_| (ROOT, grown_upload(&mut pair), 1_000)));
    // The lone channel grows first.
    share(&mut pair, &channels[..1], 8 << 20);
    let sent = share(&mut pair, &channels, 32 << 20);
    let crowd: usize = sent[1..].iter().sum();
    assert!(sent[0].abs_diff(crowd) < 4 << 20, "{sent:?}");
}
