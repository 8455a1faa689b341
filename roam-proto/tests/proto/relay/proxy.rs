//! A proxy between two peers played by the test.

use roam_proto::{
    ChannelId, Config, Event, Link, Message, NewChannels, Relay, RequestId, Role, Side,
};

use super::super::harness::*;

/// The two machines of a proxy, and its relays, which advance only when woken. Downstream the test
/// uses odd ids, upstream the proxy does.
pub(super) struct Proxy {
    pub(super) down: Raw,
    pub(super) up: Raw,
    relays: Vec<Joined>,
}

struct Joined {
    relay: Relay,
    downstream: ChannelId,
    upstream: ChannelId,
}

impl Joined {
    fn channel(&self, side: Side) -> ChannelId {
        match side {
            Side::Downstream => self.downstream,
            Side::Upstream => self.upstream,
        }
    }
}

/// A config with this initial credit.
pub(super) fn window(credit: u32) -> Config {
    small().with_initial_channel_credit(credit)
}

impl Proxy {
    pub(super) fn new() -> Self {
        Self::with(&small(), &small())
    }

    pub(super) fn with(down: &Config, up: &Config) -> Self {
        Self {
            down: Raw::with(Role::Acceptor, down),
            up: Raw::with(Role::Initiator, up),
            relays: Vec::new(),
        }
    }

    /// Forwards a call from downstream, and removes the Request sent upstream.
    #[track_caller]
    pub(super) fn call(&mut self, call: u64, channels: &[u64]) -> RequestId {
        let call = self.down.called(ROOT, call, channels);
        let (id, upstream) = self
            .up
            .peer
            .link
            .calls(ROOT)
            .request(METHOD, NONE, NewChannels::Relayed(channels.len()), &[])
            .expect("the call is accepted");
        for (&downstream, &upstream) in call.channels.iter().zip(&upstream) {
            self.down
                .peer
                .link
                .channel(ROOT, downstream)
                .leave_to_relay();
            self.join(downstream, upstream);
        }
        let ids: Vec<u64> = upstream.iter().map(|id| id.0).collect();
        self.up.assert_sent(&[request(ROOT, id.0, &ids, &[])]);
        id
    }

    /// Forwards a call with one channel, which has id 1 on both links.
    #[track_caller]
    pub(super) fn one_channel(&mut self) -> RequestId {
        self.call(1, &[1])
    }

    pub(super) fn join(&mut self, downstream: ChannelId, upstream: ChannelId) {
        let relay = Relay::new((ROOT, downstream), (ROOT, upstream));
        self.relays.push(Joined {
            relay,
            downstream,
            upstream,
        });
        let last = self.relays.len() - 1;
        self.run(last, Side::Downstream);
        self.run(last, Side::Upstream);
    }

    fn link(&mut self, side: Side) -> &mut Link {
        match side {
            Side::Downstream => &mut self.down.peer.link,
            Side::Upstream => &mut self.up.peer.link,
        }
    }

    fn run(&mut self, index: usize, mut side: Side) {
        loop {
            let mut relays = std::mem::take(&mut self.relays);
            let changed = relays[index].relay.step(side, self.link(side));
            self.relays = relays;
            if !changed {
                return;
            }
            side = side.other();
        }
    }

    /// Advances the relays that were woken.
    pub(super) fn settle(&mut self) {
        while let Some((side, channel)) = self.woken() {
            let of = |joined: &Joined| joined.channel(side) == channel;
            if let Some(index) = self.relays.iter().position(of) {
                self.run(index, side);
            }
        }
    }

    fn woken(&mut self) -> Option<(Side, ChannelId)> {
        let sides = [
            (Side::Downstream, &mut self.down.peer),
            (Side::Upstream, &mut self.up.peer),
        ];
        for (side, peer) in sides {
            peer.collect();
            let ready = |event: &Event| matches!(event, Event::ChannelReady { .. });
            if let Some(at) = peer.events.iter().position(ready)
                && let Some(Event::ChannelReady { channel, .. }) = peer.events.remove(at)
            {
                return Some((side, channel));
            }
        }
        None
    }

    pub(super) fn feed_downstream(&mut self, message: &Message<'_>) {
        self.down.feed(message);
        self.settle();
    }

    pub(super) fn feed_upstream(&mut self, message: &Message<'_>) {
        self.up.feed(message);
        self.settle();
    }

    /// Forwards the only Response from upstream.
    #[track_caller]
    pub(super) fn answer(&mut self, request: u64) {
        let response = self.up.peer.response();
        let link = &mut self.down.peer.link;
        link.calls(ROOT)
            .respond(
                RequestId(request),
                &response.metadata,
                &[],
                &response.payload,
                Handler::Running,
            )
            .expect("the call is unanswered");
        link.calls(ROOT).handler_finished(RequestId(request));
        self.settle();
    }

    /// Abandons all relays.
    pub(super) fn abandon(&mut self) {
        for index in 0..self.relays.len() {
            self.relays[index].relay.abort();
            self.run(index, Side::Downstream);
        }
    }

    #[track_caller]
    pub(super) fn assert_silent(&mut self) {
        self.settle();
        assert_eq!((self.down.sent(), self.up.sent()), (vec![], vec![]));
    }

    /// Asserts that all relays have ended and both machines are idle.
    #[track_caller]
    pub(super) fn assert_idle(&mut self) {
        self.assert_silent();
        assert!(self.relays.iter().all(|joined| joined.relay.is_finished()));
        self.down.peer.assert_idle();
        self.up.peer.assert_idle();
    }
}

/// Returns the number of payload bytes in the Data messages among `sent`.
pub(super) fn data_bytes(sent: &[Vec<u8>]) -> u32 {
    let bytes = sent.iter().map(|bytes| match decode(bytes) {
        Message::Data { payload, .. } => payload.len(),
        _ => 0,
    });
    u32::try_from(bytes.sum::<usize>()).expect("the sum is small")
}

/// Returns the number of bytes granted by the Credit messages among `sent`.
pub(super) fn credit_bytes(sent: &[Vec<u8>]) -> u32 {
    let bytes = sent.iter().map(|bytes| match decode(bytes) {
        Message::Credit { bytes, .. } => bytes,
        _ => 0,
    });
    bytes.sum()
}

fn decode(bytes: &[u8]) -> Message<'_> {
    Message::decode(bytes).expect("sent messages decode")
}
