//! The `machine` target: one machine, with a peer and a user that do anything.

use std::collections::{HashMap, VecDeque};

use bytes::Bytes;
use roam_proto::{
    ChannelId, ConnectionId, Direction, Event, Framing, Handler, Message, ReadOutcome, RequestId,
    Role,
};

use super::source::Source;
use crate::harness::{
    METHOD, NONE, Peer, Receive, Send, cancel, close, credit, data, encode, goodbye, hello,
    limited, none, request, reset, response, small,
};

type Call = (ConnectionId, RequestId);
type Channel = (ConnectionId, ChannelId);

struct Machine {
    peer: Peer,
    /// Unanswered Connects from the peer.
    connects: VecDeque<RequestId>,
    /// Incoming calls whose handlers are running.
    handlers: Vec<Call>,
    /// Every channel the machine has reported so far.
    channels: Vec<Channel>,
    /// The bytes that may still be sent on each channel.
    credit: HashMap<Channel, u64>,
}

/// Checks that nothing panics, memory stays within the budget, no more is sent than was granted,
/// and nothing is held once the link has ended and its user has dropped everything.
pub fn machine(bytes: &[u8]) {
    let mut source = Source::new(bytes);
    let mut machine = Machine::new(&mut source);
    while !source.is_empty() {
        machine.step(&mut source);
        machine.check();
    }
    machine.shut_down();
}

impl Machine {
    fn new(source: &mut Source<'_>) -> Self {
        let config = limited(|limits| {
            limits.calls = 3;
            limits.call_payloads = 500;
            limits.receive_budget = 8 * 1024;
            limits.channel_window = 1_000;
            limits.sending_channels = 6;
            limits.connections = 2;
            limits.send_buffer = 300;
            limits.control_replies = 2_000;
        });
        let role = [Role::Acceptor, Role::Initiator][source.below(2)];
        let mut machine = Self {
            peer: Peer::new(role, Framing::Single, &config),
            connects: VecDeque::new(),
            handlers: Vec::new(),
            channels: Vec::new(),
            credit: HashMap::new(),
        };
        if source.below(8) > 0 {
            machine.feed(&encode(&hello(&config)));
        }
        machine.collect();
        machine
    }

    fn step(&mut self, source: &mut Source<'_>) {
        match source.below(4) {
            0 => self.feed(source.bytes()),
            1 | 2 => self.feed_message(source),
            _ => self.act(source),
        }
        self.collect();
    }

    /// Feeds a well-formed message, possibly at the wrong time.
    fn feed_message(&mut self, source: &mut Source<'_>) {
        let kind = source.below(12);
        let (on, channel) = (ConnectionId(source.id(3)), source.id(12));
        let call = source.id(5);
        let channels: Vec<_> = (0..source.below(3)).map(|_| source.id(12)).collect();
        let message = match kind {
            0 => request(on, call, &channels, source.bytes()),
            1 => response(on, call, &channels, source.bytes()),
            2 => cancel(on, call),
            3 | 4 => data(on, channel, source.bytes()),
            5 => close(on, channel),
            6 => reset(on, channel),
            7 => credit(on, channel, u32::from(source.byte()) << source.below(25)),
            8 => goodbye(on, "enough"),
            9 => Message::Connect {
                request: RequestId(call),
                metadata: none(),
            },
            10 => Message::Accept {
                request: RequestId(call),
                connection: on,
                metadata: none(),
            },
            _ => Message::Reject {
                request: RequestId(call),
                reason: "no",
                metadata: none(),
            },
        };
        self.feed(&encode(&message));
    }

    fn feed(&mut self, frame: &[u8]) {
        if let Ok(Message::Credit {
            connection,
            channel,
            bytes,
        }) = Message::decode(frame)
        {
            *credit_of(&mut self.credit, (connection, channel)) += u64::from(bytes);
        }
        self.peer.link.handle_frame(&Bytes::copy_from_slice(frame));
    }

    fn act(&mut self, source: &mut Source<'_>) {
        let kind = source.below(16);
        let on = ConnectionId(source.id(3));
        let (call, channel) = (RequestId(source.id(5)), ChannelId(source.id(12)));
        let link = &mut self.peer.link;
        match kind {
            0 => {
                let called =
                    link.calls(on)
                        .request(METHOD, NONE, &directions(source), source.bytes());
                let channels = called.map(|(_, channels)| channels).unwrap_or_default();
                self.record(on, &channels);
            }
            1 => link.calls(on).cancel(call),
            2 => {
                let answered = link.calls(on).respond(
                    call,
                    NONE,
                    &directions(source),
                    source.bytes(),
                    Handler::Running,
                );
                self.record(on, &answered.unwrap_or_default());
            }
            3 => self.stop_handler(source.below(8)),
            4 | 5 => {
                link.channel(on, channel)
                    .bind([Receive, Send][source.below(2)]);
            }
            6 => drop(link.sender(on, channel).send(source.bytes())),
            7 => drop(link.sender(on, channel).queue(source.bytes())),
            8 => link.sender(on, channel).close(),
            9 => link.channel(on, channel).reset(),
            10 => self.read(on, channel),
            11 => drop(link.open_connection(NONE)),
            12 => self.answer_connect(source.flag()),
            13 => link.close_connection(on, "enough"),
            14 => drop(link.sender(on, channel).wait_for_credit(source.below(200))),
            _ => self.transmit(1 + source.below(8)),
        }
    }

    fn stop_handler(&mut self, n: usize) {
        if n < self.handlers.len() {
            let (on, call) = self.handlers.swap_remove(n);
            self.peer.link.calls(on).handler_finished(call);
        }
    }

    fn read(&mut self, on: ConnectionId, channel: ChannelId) {
        if let ReadOutcome::Elements { mut queue, .. } = self.peer.link.receiver(on, channel).read()
        {
            while let Some(len) = queue.pop(<[u8]>::len) {
                let len = u32::try_from(len).expect("an element fits a frame");
                self.peer.link.receiver(on, channel).consume(len);
            }
        }
    }

    fn answer_connect(&mut self, granted: bool) {
        let Some(request) = self.connects.pop_front() else {
            return;
        };
        if granted {
            let _ = self.peer.link.accept_connection(request, NONE);
        } else {
            self.peer.link.reject_connection(request, "no", NONE);
        }
    }

    /// Takes up to `frames` frames from the machine, and checks their credit.
    fn transmit(&mut self, frames: usize) {
        for _ in 0..frames {
            let Some(frame) = self.peer.link.poll_transmit() else {
                return;
            };
            let message = Message::decode(&frame).expect("sent messages decode");
            if let Message::Data {
                connection,
                channel,
                payload,
            } = message
            {
                let credit = credit_of(&mut self.credit, (connection, channel));
                let rest = credit.checked_sub(payload.len() as u64);
                *credit = rest.expect("no more is sent than was granted");
            }
        }
    }

    fn record(&mut self, on: ConnectionId, channels: &[ChannelId]) {
        self.channels
            .extend(channels.iter().map(|&channel| (on, channel)));
    }

    fn collect(&mut self) {
        self.peer.collect();
        while let Some(event) = self.peer.events.pop_front() {
            match event {
                Event::Request(request) => {
                    self.handlers.push((request.connection, request.request));
                    self.record(request.connection, &request.channels);
                }
                Event::Response(response) => {
                    self.record(response.connection, &response.channels.unwrap_or_default());
                }
                Event::ConnectRequest { request, .. } => self.connects.push_back(request),
                _ => {}
            }
        }
    }

    fn check(&self) {
        self.peer.assert_within_budget();
    }

    fn shut_down(&mut self) {
        self.peer.link.close("");
        self.transmit(usize::MAX);
        self.collect();
        while !self.handlers.is_empty() {
            self.stop_handler(0);
        }
        for (on, channel) in std::mem::take(&mut self.channels) {
            self.peer.link.channel(on, channel).reset();
        }
        self.peer.assert_idle();
    }
}

fn credit_of(credit: &mut HashMap<Channel, u64>, channel: Channel) -> &mut u64 {
    let initial = small().initial_channel_credit.into();
    credit.entry(channel).or_insert(initial)
}

fn directions(source: &mut Source<'_>) -> Vec<Direction> {
    let number = source.below(3);
    let direction = |_| [Send, Receive][source.below(2)];
    (0..number).map(direction).collect()
}
