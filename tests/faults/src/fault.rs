//! The faults, and where they act.

use std::fmt;
use std::num::NonZeroU64;
use std::time::Duration;

/// A direction in which bytes travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From the client to the upstream.
    Up,
    /// From the upstream to the client.
    Down,
}

/// One or both directions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ways {
    /// From the client to the upstream.
    Up,
    /// From the upstream to the client.
    Down,
    /// Both directions.
    Both,
}

/// One of the two peers that a connection joins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The peer that connected to the proxy.
    Client,
    /// The peer to which the proxy connected.
    Upstream,
}

/// How both sockets of a connection are closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// By FIN, as a program does that closes its socket.
    ///
    /// What the peers still send is read and discarded until they close too: a socket that is closed
    /// before it was read to its end would send RST.
    Fin,
    /// By RST, as a program does that crashed, or a machine that knows nothing of the connection.
    Reset,
}

/// What becomes of bytes that arrive while a direction is dark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dark {
    /// They are held, and forwarded when it is light again. The proxy stops reading, so a sender
    /// blocks once the buffers of the kernel are full.
    Hold,
    /// They are lost.
    Swallow,
}

/// Something to do to a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// Closes both sockets now. Bytes that wait in the proxy are lost, and a reset also loses those
    /// that wait in the kernel. A connection that was closed by FIN can still be reset.
    Cut(Cut),
    /// Closes one direction: its receiver reads the end, and what its sender still sends is
    /// swallowed. The other direction goes on.
    Close(Direction),
    /// Stops to forward, while both sockets stay open. Neither the end of a side nor its reset
    /// passes either.
    Dark(Ways, Dark),
    /// Forwards again.
    Light(Ways),
    /// Forwards each chunk of bytes this much later than it was read, in order. A direction holds
    /// 64 KiB at most, so a long delay limits its bandwidth too. A reset is not delayed.
    Delay(Ways, Duration),
    /// Forwards at most so many bytes per second, averaged over 20 ms; `None` lifts the limit.
    Rate(Ways, Option<NonZeroU64>),
    /// Cuts once exactly so many bytes were forwarded in a direction since the connection began.
    ///
    /// If they were already, it cuts at once; so do the other faults of this kind. A direction waits
    /// for one of them at a time. On Linux, a reset waits until all bytes have reached the receiver.
    CutAt(Direction, u64, Cut),
    /// Goes dark in both directions once exactly so many bytes were forwarded in this one.
    DarkAt(Direction, u64, Dark),
    /// Closes this direction after exactly so many bytes.
    CloseAt(Direction, u64),
}

impl Direction {
    /// Returns the peer that sends in this direction.
    pub fn source(self) -> Side {
        match self {
            Self::Up => Side::Client,
            Self::Down => Side::Upstream,
        }
    }

    /// Returns the peer that receives in this direction.
    pub fn target(self) -> Side {
        match self {
            Self::Up => Side::Upstream,
            Self::Down => Side::Client,
        }
    }
}

impl Side {
    /// Returns the direction in which the other peer learns what happened to this one.
    pub(crate) fn outward(self) -> Direction {
        match self {
            Self::Client => Direction::Up,
            Self::Upstream => Direction::Down,
        }
    }
}

impl Ways {
    pub(crate) fn include(self, direction: Direction) -> bool {
        match self {
            Self::Both => true,
            Self::Up => direction == Direction::Up,
            Self::Down => direction == Direction::Down,
        }
    }
}

impl From<Direction> for Ways {
    fn from(direction: Direction) -> Self {
        match direction {
            Direction::Up => Self::Up,
            Direction::Down => Self::Down,
        }
    }
}

impl fmt::Display for Direction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Up => "up",
            Self::Down => "down",
        })
    }
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Client => "client",
            Self::Upstream => "upstream",
        })
    }
}

impl fmt::Display for Cut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Fin => "fin",
            Self::Reset => "rst",
        })
    }
}
