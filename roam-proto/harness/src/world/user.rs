//! A user of a link.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use roam_proto::{
    ChannelId, Config, ConnectionId, Direction, Framing, LinkBudget, Request, RequestId, Role,
};

use crate::harness::{Peer, ROOT};

use super::{Key, pick};

/// A half of a channel that a user holds, and the elements received but not yet consumed.
pub(super) struct Half {
    pub(super) key: Key,
    pub(super) direction: Direction,
    pub(super) unread: VecDeque<Vec<u8>>,
}

pub(super) struct User {
    pub(super) peer: Peer,
    /// The link's budget at first.
    pub(super) budget: LinkBudget,
    pub(super) connections: Vec<ConnectionId>,
    /// Unanswered Connects from the peer.
    pub(super) incoming_connects: Vec<RequestId>,
    /// The number of our unanswered Connects.
    pub(super) outgoing_connects: usize,
    pub(super) calls: HashMap<(ConnectionId, RequestId), Vec<ChannelId>>,
    pub(super) requests: Vec<(Request, bool)>,
    pub(super) halves: Vec<Half>,
    pub(super) calls_started: usize,
    pub(super) calls_ended: usize,
    /// Whether a question for a token is open.
    pub(super) is_asking: bool,
}

impl User {
    pub(super) fn new(role: Role, framing: Framing, config: &Config) -> Self {
        let peer = Peer::new(role, framing, config);
        Self {
            budget: peer.link.budget(),
            peer,
            connections: vec![ROOT],
            incoming_connects: Vec::new(),
            outgoing_connects: 0,
            calls: HashMap::new(),
            requests: Vec::new(),
            halves: Vec::new(),
            calls_started: 0,
            calls_ended: 0,
            is_asking: false,
        }
    }

    pub(super) fn ask(&mut self) {
        self.is_asking |= self.peer.link.ask_for_token(Duration::ZERO);
    }

    pub(super) fn hold(
        &mut self,
        connection: ConnectionId,
        channels: &[ChannelId],
        directions: &[Direction],
    ) {
        for (&channel, &direction) in channels.iter().zip(directions) {
            self.halves.push(Half {
                key: (connection, channel),
                direction,
                unread: VecDeque::new(),
            });
        }
    }

    pub(super) fn find_half(&self, index: usize, direction: Direction) -> Option<usize> {
        let fitting: Vec<usize> = (0..self.halves.len())
            .filter(|n| self.halves[*n].direction == direction)
            .collect();
        pick(index, fitting.len()).map(|n| fitting[n])
    }

    /// Asserts that unconsumed elements cost no more than what is in use of the budget: what a budget
    /// that is never exceeded has left tells how much that is.
    pub(super) fn assert_within_budget(&mut self) {
        let link = &mut self.peer.link;
        let budget = link.budget();
        let receive_budget = 2 * self.budget.receive_budget;
        let mut unexceeded = budget;
        unexceeded.receive_budget = receive_budget;
        link.set_budget(unexceeded);
        let stats = link.stats();
        let used = receive_budget - stats.remaining.receive_budget;
        assert!(2 * stats.unconsumed <= used as u64, "{stats:?}");
        link.set_budget(budget);
    }

    pub(super) fn is_done(&self) -> bool {
        let all_answered = self.requests.is_empty() && self.incoming_connects.is_empty();
        let all_ended =
            self.calls.is_empty() && self.outgoing_connects == 0 && self.halves.is_empty();
        all_answered && all_ended && self.peer.link.is_drained()
    }
}
