//! The transports between the two machines, one after another. Each may fail.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;
use roam_proto::{Attach, Framing, Link, LinkId, Metadata, Secret};

/// A transport: it keeps order, and what is on it is lost when an end gives it up.
#[derive(Debug, Default)]
pub(super) struct Wire {
    /// Frames on the way to each of the two users.
    to: [VecDeque<Bytes>; 2],
}

/// All transports of a link, the first first.
#[derive(Debug)]
pub(super) struct Wires {
    framing: Framing,
    all: Vec<Wire>,
    /// The transport that each user's end uses.
    used: [Option<usize>; 2],
    secrets: u8,
}

/// The initiator.
pub(super) const CLIENT: usize = 0;
/// The acceptor.
pub(super) const SERVER: usize = 1;

impl Wires {
    /// Creates a transport that both use.
    pub(super) fn new(framing: Framing) -> Self {
        Self {
            framing,
            all: vec![Wire::default()],
            used: [Some(0); 2],
            secrets: 0,
        }
    }

    /// Begins on the first transport.
    pub(super) fn begin(&mut self, client: &mut Link, server: &mut Link) {
        if self.framing != Framing::Numbered {
            return;
        }
        client.attach(&Metadata::new(), Duration::ZERO);
        let attach = client.poll_transmit().expect("Attach is sent first");
        let attach = Attach::decode(&attach).expect("Attach is valid");
        let id = LinkId::new(vec![7]).expect("a short id");
        server
            .accept(&attach, id, self.secret(), Duration::ZERO)
            .expect("the link is new");
    }

    /// Puts a frame of the other user on the way to `at`.
    pub(super) fn push(&mut self, at: usize, frame: Bytes) {
        // Nobody reads what is sent to an end that was given up.
        if let Some(wire) = self.used[1 - at] {
            self.all[wire].to[at].push_back(frame);
        }
    }

    /// Takes the next frame that arrives at `at`.
    pub(super) fn pop(&mut self, at: usize) -> Option<Bytes> {
        self.all[self.used[at]?].to[at].pop_front()
    }

    /// Returns whether nothing is on the way between the ends in use.
    pub(super) fn is_empty(&self) -> bool {
        let mut ends = self.used.iter().zip(0..2);
        ends.all(|(used, at)| used.is_none_or(|wire| self.all[wire].to[at].is_empty()))
    }

    pub(super) fn clear(&mut self) {
        self.all.iter_mut().for_each(|wire| *wire = Wire::default());
    }

    pub(super) fn is_whole(&self) -> bool {
        self.used[CLIENT].is_some() && self.used[CLIENT] == self.used[SERVER]
    }

    /// The user's end fails; the other does not notice.
    pub(super) fn cut(&mut self, at: usize, link: &mut Link) {
        if self.framing == Framing::Numbered {
            self.used[at] = None;
            link.detach();
        }
    }

    /// The client opens another transport and gives up the one it has.
    pub(super) fn dial(&mut self, client: &mut Link) {
        if self.framing == Framing::Numbered
            && (client.close_reason().is_none() || client.has_unsent())
        {
            self.all.push(Wire::default());
            self.used[CLIENT] = Some(self.all.len() - 1);
            client.attach(&Metadata::new(), Duration::ZERO);
            let attach = client.poll_transmit().expect("Attach is sent first");
            self.push(SERVER, attach);
        }
    }

    /// The first frame of a transport arrives at the server: `back` counts from the newest.
    pub(super) fn arrive(&mut self, back: usize, server: &mut Link) {
        let Some(wire) = self
            .all
            .len()
            .checked_sub(1 + back)
            .filter(|wire| *wire > 0)
        else {
            return;
        };
        let secret = self.secret();
        let Some(attach) = self.all[wire].to[SERVER].pop_front() else {
            return;
        };
        // Only the first frame of a transport that was not accepted yet is an Attach.
        let Ok(attach) = Attach::decode(&attach) else {
            self.all[wire].to[SERVER].push_front(attach);
            return;
        };
        match server.resume(&attach, secret, Duration::ZERO) {
            Ok(()) => self.used[SERVER] = Some(wire),
            Err(refusal) => self.all[wire].to[CLIENT].push_back(refusal.encode()),
        }
    }

    fn secret(&mut self) -> Secret {
        self.secrets = self.secrets.wrapping_add(1);
        Secret::new([self.secrets; Secret::LEN])
    }
}
