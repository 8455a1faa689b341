//! What one stream has of the pool beside streams that nobody reads.

use roam_proto::{ChannelId, Config, Framing};

use super::harness::*;

const ROUNDS: usize = 12;

/// A client that pours into a server.
struct Scene {
    pair: Pair,
    unread: Vec<(ChannelId, usize)>,
}

impl Scene {
    /// Opens `unread` streams of elements of `len` bytes that nobody reads, and fills them.
    fn new(unread: usize, len: usize) -> Self {
        let pair = Pair::with(Framing::Numbered, &Config::client(), &Config::default());
        let mut scene = Self {
            pair,
            unread: Vec::new(),
        };
        for _ in 0..unread {
            let (_, channel) = scene.pair.upload();
            scene.unread.push((channel, len));
        }
        scene.pour_unread();
        scene
    }

    fn fill(&mut self, channel: ChannelId, len: usize) -> usize {
        let mut sent = 0;
        let element = vec![0; len];
        while (self.pair.client.link.sender(ROOT, channel))
            .send(&element)
            .is_ok()
        {
            sent += len;
            self.pair.settle();
        }
        sent
    }

    fn pour_unread(&mut self) {
        for at in 0..self.unread.len() {
            let (channel, len) = self.unread[at];
            self.fill(channel, len);
        }
        self.settle();
    }

    fn settle(&mut self) {
        self.pair.settle();
        self.pair.client.events.clear();
        self.pair.server.events.clear();
        assert!(self.pair.server.link.close_reason().is_none());
    }

    /// Opens a stream whose reader reads everything in each round, while all others are poured into.
    /// Returns how much it carries in a round once it has grown.
    fn stream(&mut self, len: usize) -> (ChannelId, usize) {
        let (_, channel) = self.pair.upload();
        assert!(
            self.pair.server.take(channel).is_empty(),
            "the reader waits"
        );
        let mut carried = 0;
        for round in 0..2 * ROUNDS {
            let sent = self.fill(channel, len);
            if round >= ROUNDS {
                carried += sent / ROUNDS;
            }
            self.pour_unread();
            self.pair.server.read(channel);
            assert!(self.pair.server.take(channel).is_empty());
            self.settle();
        }
        (channel, carried)
    }

    /// Opens streams that are read fast and then stop.
    fn stop(&mut self, streams: usize, len: usize) {
        for _ in 0..streams {
            let (channel, _) = self.stream(len);
            self.fill(channel, len);
            self.settle();
            self.unread.push((channel, len));
        }
    }
}

/// A stream of 64 KiB elements has two of them in flight, and one of small elements hundreds, whatever others
/// leave unread; beside 16 that were fast and then stopped, one and dozens.
#[test]
fn stalled_readers_leave_room_for_others() {
    for (unread, len) in [(0, 0), (1_000, 1_000), (1_000, 64 << 10), (10_000, 1_000)] {
        for stopped in [0, 5, 10, 16] {
            let mut scene = Scene::new(unread, len);
            scene.stop(stopped, 64 << 10);
            let (large, in_large) = scene.stream(64 << 10);
            scene.pair.client.link.sender(ROOT, large).close();
            scene.settle();
            let (_, in_small) = scene.stream(1_000);
            println!(
                "beside {unread} unread streams of {len} bytes and {stopped} that stopped: \
                 {} KiB of 64 KiB elements, {} KiB of small ones",
                in_large >> 10,
                in_small >> 10
            );
            let (large, small) = if stopped <= 10 { (96, 120) } else { (60, 28) };
            assert!(in_large >= large << 10, "{in_large}");
            assert!(in_small >= small << 10, "{in_small}");
        }
    }
}
