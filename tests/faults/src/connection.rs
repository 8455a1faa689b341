//! The handle of one connection through the proxy.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::sync::watch;

use crate::fault::{Cut, Direction, Fault, Side};
use crate::plan::Rules;

/// One connection through the proxy. It can be asked about after its end too.
#[derive(Clone, Debug)]
pub struct Connection(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    number: usize,
    client: SocketAddr,
    rules: watch::Sender<Rules>,
    progress: watch::Sender<Progress>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Progress {
    up: Traffic,
    down: Traffic,
    end: Option<End>,
}

/// What has passed in one direction of a connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// The bytes that were handed to the receiver's socket.
    pub forwarded: u64,
    /// The bytes that were read and lost.
    pub swallowed: u64,
}

/// Why a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum End {
    /// Both directions were closed, by the peers or by [`Fault::Close`].
    Closed,
    /// This peer reset its connection, so the proxy reset the other one.
    Reset(Side),
    /// The proxy cut or refused it.
    Cut(Cut),
    /// The proxy could not connect to the upstream, so it reset the client.
    Unreachable(io::ErrorKind),
}

/// A connection ended before as many bytes had passed, or were swallowed, as were waited for.
#[derive(Clone, Copy, Debug, thiserror::Error, PartialEq, Eq)]
#[error("connection #{connection} ended ({end}) after {passed} of {awaited} bytes {direction}")]
pub struct EndedEarly {
    /// The number of the connection.
    pub connection: usize,
    /// The direction that was watched.
    pub direction: Direction,
    /// The bytes that were waited for.
    pub awaited: u64,
    /// The bytes that came.
    pub passed: u64,
    /// Why the connection ended.
    pub end: End,
}

impl Connection {
    pub(crate) fn new(number: usize, client: SocketAddr, rules: Rules) -> Self {
        Self(Arc::new(Shared {
            number,
            client,
            rules: watch::Sender::new(rules),
            progress: watch::Sender::default(),
        }))
    }

    /// Returns its number among the accepted connections, counting from 1.
    pub fn number(&self) -> usize {
        self.0.number
    }

    /// Returns the address from which the client connected.
    pub fn client(&self) -> SocketAddr {
        self.0.client
    }

    /// Injects a fault, which has no effect if the connection has ended.
    pub fn inject(&self, fault: Fault) {
        self.0.rules.send_modify(|rules| rules.apply(fault));
    }

    /// Returns what has passed in `direction`.
    pub fn traffic(&self, direction: Direction) -> Traffic {
        self.0.progress.borrow().of(direction)
    }

    /// Returns why the connection ended, or `None` while it is open.
    pub fn end(&self) -> Option<End> {
        self.0.progress.borrow().end
    }

    /// Waits until `bytes` bytes were forwarded in `direction` since the connection began. Fails if
    /// the connection ends before. Cancel safe.
    pub async fn forwarded(&self, direction: Direction, bytes: u64) -> Result<(), EndedEarly> {
        self.passed(direction, bytes, |traffic| traffic.forwarded)
            .await
    }

    /// Waits until `bytes` bytes were swallowed in `direction`. Fails and is cancel safe like
    /// [`forwarded`](Self::forwarded).
    pub async fn swallowed(&self, direction: Direction, bytes: u64) -> Result<(), EndedEarly> {
        self.passed(direction, bytes, |traffic| traffic.swallowed)
            .await
    }

    async fn passed(
        &self,
        direction: Direction,
        awaited: u64,
        count: impl Fn(Traffic) -> u64,
    ) -> Result<(), EndedEarly> {
        let passed = |progress: &Progress| count(progress.of(direction));
        let progress = self
            .progress(|progress| passed(progress) >= awaited || progress.end.is_some())
            .await;
        match progress.end {
            Some(end) if passed(&progress) < awaited => Err(EndedEarly {
                connection: self.number(),
                direction,
                awaited,
                passed: passed(&progress),
                end,
            }),
            _ => Ok(()),
        }
    }

    /// Waits until the connection has ended; then its sockets were closed. Cancel safe.
    pub async fn ended(&self) -> End {
        loop {
            if let Some(end) = self.progress(|progress| progress.end.is_some()).await.end {
                return end;
            }
        }
    }

    async fn progress(&self, is_awaited: impl FnMut(&Progress) -> bool) -> Progress {
        let mut progress = self.0.progress.subscribe();
        let seen = progress.wait_for(is_awaited).await;
        *seen.expect("the sender is in self")
    }

    pub(crate) fn rules(&self) -> watch::Receiver<Rules> {
        self.0.rules.subscribe()
    }

    /// Changes the rules and wakes those who follow them.
    pub(crate) fn change_rules(&self, change: impl FnOnce(&mut Rules)) {
        self.0.rules.send_modify(change);
    }

    /// Waits until the rules satisfy `is_awaited`.
    pub(crate) async fn obey(&self, is_awaited: impl FnMut(&Rules) -> bool) -> Rules {
        let mut rules = self.rules();
        let seen = rules.wait_for(is_awaited).await;
        *seen.expect("the sender is in self")
    }

    pub(crate) fn count(&self, direction: Direction, count: impl FnOnce(&mut Traffic)) {
        self.0.progress.send_modify(|progress| {
            count(match direction {
                Direction::Up => &mut progress.up,
                Direction::Down => &mut progress.down,
            });
        });
    }

    pub(crate) fn set_end(&self, end: End) {
        self.0
            .progress
            .send_modify(|progress| progress.end = Some(end));
    }
}

impl Progress {
    fn of(&self, direction: Direction) -> Traffic {
        match direction {
            Direction::Up => self.up,
            Direction::Down => self.down,
        }
    }
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed => f.write_str("closed"),
            Self::Reset(side) => write!(f, "reset by {side}"),
            Self::Cut(cut) => write!(f, "cut {cut}"),
            Self::Unreachable(kind) => write!(f, "upstream unreachable: {kind}"),
        }
    }
}
