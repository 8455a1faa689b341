//! Identifiers.

use core::fmt;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(pub u64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

id!(
    /// The id of a connection on a link.
    ConnectionId
);
id!(
    /// The id of a call, unique among the calls in flight in one direction of a connection.
    RequestId
);
id!(
    /// The id of a channel, unique for the life of a connection. `0` is reserved.
    ChannelId
);

/// The identity of a method: a hash of its service, its name and its signature.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(transparent)
)]
pub struct MethodId(pub u64);

impl fmt::Debug for MethodId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MethodId({:#018x})", self.0)
    }
}

impl fmt::Display for MethodId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#018x}", self.0)
    }
}

impl ConnectionId {
    /// The root connection, which exists for the life of the link.
    pub const ROOT: Self = Self(0);
}

/// Which end of a link a peer is. It decides the parity of the ids that the peer allocates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Opened the transport; allocates odd ids.
    Initiator,
    /// Accepted the transport; allocates even ids.
    Acceptor,
}

impl Role {
    /// Returns the role of the other end.
    #[must_use]
    pub const fn peer(self) -> Self {
        match self {
            Self::Initiator => Self::Acceptor,
            Self::Acceptor => Self::Initiator,
        }
    }

    /// Returns the first id that a peer of this role allocates.
    pub(crate) const fn first_id(self) -> u64 {
        match self {
            Self::Initiator => 1,
            Self::Acceptor => 2,
        }
    }

    /// Returns whether a peer of this role allocates `id`.
    pub(crate) const fn owns(self, id: u64) -> bool {
        id % 2 == self.first_id() % 2
    }
}
