//! The ways in which a call ends: the rows of the table.

use std::time::Duration;

use roam_core::Config;

/// The timeout of calls in [`Way::Deadline`].
pub(crate) const TIMEOUT: Duration = Duration::from_millis(150);

/// A row of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Way {
    Drop,
    DropHalf,
    DropHalfAndCall,
    Reset,
    Deadline,
    Close,
    ProcessGone,
    Lost,
    Cut,
    /// Nothing happens. This one has no row.
    Nothing,
}

/// Which link is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lost {
    None,
    /// The link with this number, counted from the caller.
    Link(usize),
}

impl Way {
    pub(crate) const ALL: [Self; 9] = [
        Self::Drop,
        Self::DropHalf,
        Self::DropHalfAndCall,
        Self::Reset,
        Self::Deadline,
        Self::Close,
        Self::ProcessGone,
        Self::Lost,
        Self::Cut,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Drop => "the call is dropped",
            Self::DropHalf => "the caller's half of the channel is dropped",
            Self::DropHalfAndCall => "its half is dropped, and then the call",
            Self::Reset => "the caller's `Tx` is reset",
            Self::Deadline => "its timeout passes",
            Self::Close => "the caller closes its link",
            Self::ProcessGone => "the caller's process is gone",
            Self::Lost => "a link is lost for good",
            Self::Cut => "all links are cut, and go on",
            Self::Nothing => "nothing",
        }
    }

    /// Returns the places where it can happen on a path of so many links.
    pub(crate) fn places(self, links: usize) -> Vec<Lost> {
        match self {
            Self::Lost => (0..links).map(Lost::Link).collect(),
            _ => vec![Lost::None],
        }
    }

    /// Returns the settings of all acceptors.
    pub(crate) fn config(self) -> Config {
        match self {
            // Links end with their sockets.
            Self::ProcessGone | Self::Lost => Config::default().with_keep(Duration::ZERO),
            _ => Config::default(),
        }
    }

    /// Returns whether links outlive it.
    pub(crate) fn leaves_links(self) -> bool {
        !matches!(self, Self::Close | Self::ProcessGone | Self::Lost)
    }

    pub(crate) fn timeout(self) -> Option<Duration> {
        (self == Self::Deadline).then_some(TIMEOUT)
    }
}
