//! The rules that a connection follows.

use std::num::NonZeroU64;
use std::time::Duration;

use crate::fault::{Cut, Dark, Direction, Fault, Ways};

/// The faults of a connection that has not come yet.
#[derive(Clone, Copy, Debug, Default)]
pub struct Plan(pub(crate) Rules);

/// The rules of a connection.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Rules {
    pub(crate) cut: Option<Cut>,
    up: Rule,
    down: Rule,
}

/// The rules of one direction.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Rule {
    pub(crate) delay: Duration,
    /// In bytes per second.
    pub(crate) rate: Option<NonZeroU64>,
    pub(crate) dark: Option<Dark>,
    pub(crate) is_closed: bool,
    pub(crate) at: Option<At>,
}

/// What happens once `byte` bytes were forwarded.
#[derive(Clone, Copy, Debug)]
pub(crate) struct At {
    pub(crate) byte: u64,
    pub(crate) fault: Fault,
}

impl Plan {
    /// A plan without faults.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a fault. One that needs no byte comes as soon as the connection is accepted.
    #[must_use]
    pub fn with(mut self, fault: Fault) -> Self {
        self.0.apply(fault);
        self
    }
}

impl From<Fault> for Plan {
    fn from(fault: Fault) -> Self {
        Self::new().with(fault)
    }
}

impl FromIterator<Fault> for Plan {
    fn from_iter<T: IntoIterator<Item = Fault>>(faults: T) -> Self {
        faults.into_iter().fold(Self::new(), Self::with)
    }
}

impl Rules {
    pub(crate) fn of(&self, direction: Direction) -> &Rule {
        match direction {
            Direction::Up => &self.up,
            Direction::Down => &self.down,
        }
    }

    pub(crate) fn of_mut(&mut self, direction: Direction) -> &mut Rule {
        match direction {
            Direction::Up => &mut self.up,
            Direction::Down => &mut self.down,
        }
    }

    pub(crate) fn apply(&mut self, fault: Fault) {
        match fault {
            // A socket that was reset cannot be closed by FIN any more.
            Fault::Cut(_) if self.cut == Some(Cut::Reset) => {}
            Fault::Cut(cut) => self.cut = Some(cut),
            Fault::Close(direction) => self.of_mut(direction).is_closed = true,
            Fault::Dark(ways, dark) => self.each(ways, |rule| rule.dark = Some(dark)),
            Fault::Light(ways) => self.each(ways, |rule| rule.dark = None),
            Fault::Delay(ways, delay) => self.each(ways, |rule| rule.delay = delay),
            Fault::Rate(ways, rate) => self.each(ways, |rule| rule.rate = rate),
            Fault::CutAt(direction, byte, cut) => self.at(direction, byte, Fault::Cut(cut)),
            Fault::DarkAt(direction, byte, dark) => {
                self.at(direction, byte, Fault::Dark(Ways::Both, dark));
            }
            Fault::CloseAt(direction, byte) => self.at(direction, byte, Fault::Close(direction)),
        }
    }

    fn at(&mut self, direction: Direction, byte: u64, fault: Fault) {
        self.of_mut(direction).at = Some(At { byte, fault });
    }

    fn each(&mut self, ways: Ways, change: impl Fn(&mut Rule)) {
        for direction in [Direction::Up, Direction::Down] {
            if ways.include(direction) {
                change(self.of_mut(direction));
            }
        }
    }
}
