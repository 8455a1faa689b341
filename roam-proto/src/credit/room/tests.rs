//! Both halves of many channels, and readers that read, stop and go on.

use alloc::vec::Vec;

use proptest::prelude::*;

use super::super::pool::PooledCredit;
use super::super::sender_pool::SenderPool;
use super::*;
use crate::ids::ConnectionId;

const LARGEST: u32 = 5_000;
const MOST: u32 = 20_000;

fn sizes(receive_budget: usize, initial: u32) -> RoomSizes {
    let ours = Hello {
        max_payload_size: LARGEST,
        initial_channel_credit: initial,
    };
    RoomSizes::new(receive_budget, ours)
}

/// A channel whose messages arrive at once.
struct Channel {
    sender: PooledCredit,
    receiver: PooledWindow,
    unread: Vec<u32>,
    consumed: u64,
    /// The element that the sender waits with.
    waiting: Option<u32>,
}

struct World {
    channels: Vec<Channel>,
    pool: SenderPool,
    room: Room,
    sizes: RoomSizes,
}

impl World {
    fn new(receive_budget: usize, initial: u32, channels: usize) -> Self {
        let sizes = sizes(receive_budget, initial);
        let channel = |_| Channel {
            sender: PooledCredit::new(initial, ConnectionId::ROOT),
            receiver: PooledWindow::new(initial),
            unread: Vec::new(),
            consumed: 0,
            waiting: None,
        };
        Self {
            channels: (0..channels.min(sizes.channels)).map(channel).collect(),
            pool: SenderPool::new(sizes.pool as u64),
            room: Room::new(&sizes),
            sizes,
        }
    }

    /// Sends an element of `len` bytes or the one that waits, or asks for credit. Returns whether it was sent.
    fn send(&mut self, at: usize, len: u32) -> bool {
        let channel = &mut self.channels[at];
        let len = channel.waiting.take().unwrap_or(len);
        let fits = channel.sender.fits(len as usize, &self.pool);
        assert!(fits || len > channel.sender.sendable(&self.pool));
        let sent = channel.sender.spend(len as usize, &mut self.pool);
        assert_eq!(fits, sent);
        if sent {
            let received = channel.receiver.receive(len as usize, &mut self.room);
            assert_eq!(received, Ok(()), "an honest sender breaks no rule");
            channel.unread.push(len);
        } else {
            channel.waiting = Some(len);
            if channel.sender.ask() {
                let told = channel.receiver.ask(len, &mut self.room);
                self.tell(at, told);
            }
        }
        self.check();
        sent
    }

    /// Consumes an element, and waits for another once there is none.
    fn read(&mut self, at: usize) {
        let channel = &mut self.channels[at];
        if channel.unread.is_empty() {
            let told = channel.receiver.serve(MOST, &mut self.room);
            self.tell(at, told);
        } else {
            let len = channel.unread.remove(0);
            channel.consumed += u64::from(len);
            let told = channel.receiver.consume(len, &mut self.room);
            self.tell(at, told);
        }
        self.check();
    }

    fn tell(&mut self, at: usize, told: Option<Granted>) {
        let channel = &mut self.channels[at];
        if let Some(granted) = told {
            let granted = channel.sender.grant(granted, MOST, &mut self.pool);
            assert_eq!(granted, Ok(()));
        }
        assert!(channel.sender.consumed() <= channel.consumed);
    }

    /// What the receiver holds stays within what the budget allows.
    fn check(&self) {
        let held: u64 = self
            .channels
            .iter()
            .map(|it| u64::from(it.receiver.held))
            .sum();
        let private = self.channels.len() as u64 * u64::from(PRIVATE);
        let allowed = private + (self.sizes.pool + self.sizes.grants) as u64;
        assert!(held <= allowed, "{held} of {allowed}");
        assert!(self.room.granted <= self.room.grants);
        assert_eq!(self.pool.used(), self.room.pool.used(), "both ends agree");
        for channel in &self.channels {
            assert_eq!(channel.sender.overdrawn(), channel.receiver.overdrawn);
        }
    }
}

#[test]
fn sizes_add_up_to_the_budget() {
    for budget in [1 << 20, 4 << 20, 48 << 20, 96 << 20, 1 << 30] {
        let sizes = sizes(budget, 1_000);
        let sum = sizes.channels * CHANNEL_COST + 2 * (sizes.pool + sizes.grants);
        assert!(sum <= budget, "{sum} of {budget}");
        assert!(sum >= budget - 16, "{sum} of {budget}");
    }
    assert_eq!(sizes(48 << 20, 1_000).channels, 10_240);
}

#[test]
fn smallest_budget_has_room_for_the_largest_elements() {
    let sizes = sizes(0, 1_000);
    assert_eq!((sizes.channels, sizes.pool), (1, 1_000));
    assert_eq!(sizes.grants, 2 * LARGEST as usize);
}

#[test]
fn grant_halves_when_its_sender_has_not_asked_for_long() {
    let mut world = World::new(1 << 20, 0, 1);
    world.pool = SenderPool::new(0);
    assert!(!world.send(0, 4_000));
    world.read(0);
    assert_eq!(world.channels[0].receiver.committed, 4_000);
    let mut tells = 0;
    while world.channels[0].receiver.committed == 4_000 {
        assert!(world.send(0, 4_000));
        world.read(0);
        let channel = &mut world.channels[0].receiver;
        if channel.untold > 0 {
            let told = channel.tell(&mut world.room);
            tells += 1;
            world.tell(0, Some(told));
        }
    }
    assert_eq!(tells, usize::from(KEPT_TELLS) + 1);
    assert_eq!(world.channels[0].receiver.committed, 2_000);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Whatever senders and readers do, the receiver holds no more than its budget allows, and every
    /// sender whose reader reads goes on in the end.
    #[test]
    fn budget_holds_and_everybody_goes_on(
        budget in 0_usize..200_000,
        initial in 0_u32..6_000,
        channels in 1_usize..40,
        steps in prop::collection::vec((0_usize..40, 0_u32..=LARGEST, 0_u8..4), 0..600),
    ) {
        let mut world = World::new(budget, initial, channels);
        let count = world.channels.len();
        for (at, len, kind) in steps {
            match kind {
                // The first quarter of the channels have no readers.
                0 if at % count >= count / 4 => world.read(at % count),
                1 => {
                    world.send(at % count, len % 300);
                }
                _ => {
                    world.send(at % count, len);
                }
            }
        }
        for at in 0..count / 4 {
            world.channels[at].waiting = None;
        }
        // Each element that waits is sent and read, whoever comes first.
        let is_waiting = |channel: &Channel| channel.waiting.is_some() || !channel.unread.is_empty();
        for _ in 0..2_000 {
            if !world.channels[count / 4..].iter().any(is_waiting) {
                break;
            }
            for at in count / 4..count {
                world.read(at);
                if world.channels[at].waiting.is_some() {
                    world.send(at, 0);
                }
            }
        }
        prop_assert!(!world.channels[count / 4..].iter().any(is_waiting));
    }
}
