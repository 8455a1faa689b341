//! Reads the words of a command.

use std::str::FromStr;
use std::time::Duration;

use super::CommandError;
use crate::fault::{Cut, Dark, Direction};

/// The words of a line, or of a part of it.
pub(super) struct Words<'a> {
    all: &'a str,
    rest: &'a str,
}

impl<'a> Words<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        let text = text.trim();
        Self {
            all: text,
            rest: text,
        }
    }

    pub(super) fn rest(&self) -> &'a str {
        self.rest
    }

    pub(super) fn peek(&self) -> Option<&'a str> {
        self.rest.split_whitespace().next()
    }

    pub(super) fn skip(&mut self) {
        let len = self.peek().map_or(0, str::len);
        self.rest = self.rest[len..].trim_start();
    }

    /// Takes the next word if it is `expected`.
    pub(super) fn take_if(&mut self, expected: &str) -> bool {
        self.take_with(|word| (word == expected).then_some(()))
            .is_some()
    }

    /// Takes the next word if `read` understands it.
    pub(super) fn take_with<T>(&mut self, read: impl Fn(&'a str) -> Option<T>) -> Option<T> {
        let value = self.peek().and_then(read)?;
        self.skip();
        Some(value)
    }

    /// Takes the next word, which `read` must understand.
    pub(super) fn need<T>(
        &mut self,
        expected: &'static str,
        read: impl Fn(&'a str) -> Option<T>,
    ) -> Result<T, CommandError> {
        let Some(word) = self.peek() else {
            let part = self.all.to_owned();
            return Err(CommandError::Missing { expected, part });
        };
        self.take_with(read).ok_or_else(|| CommandError::Invalid {
            word: word.to_owned(),
            expected,
        })
    }

    pub(super) fn direction(&mut self) -> Result<Direction, CommandError> {
        self.need("`up` or `down`", direction)
    }

    pub(super) fn byte(&mut self) -> Result<u64, CommandError> {
        self.need("a number of bytes", number)
    }

    /// Returns `value` if no word is left.
    pub(super) fn end_with<T>(&self, value: T) -> Result<T, CommandError> {
        match self.peek() {
            None => Ok(value),
            Some(word) => Err(CommandError::Extra(word.to_owned())),
        }
    }
}

/// Reads digits only: no sign.
pub(super) fn number<T: FromStr>(word: &str) -> Option<T> {
    let is_number = word.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| word.parse().ok())?
}

pub(super) fn connection(word: &str) -> Option<usize> {
    number(word.strip_prefix('#')?).filter(|&number| number > 0)
}

pub(super) fn direction(word: &str) -> Option<Direction> {
    match word {
        "up" => Some(Direction::Up),
        "down" => Some(Direction::Down),
        _ => None,
    }
}

pub(super) fn cut(word: &str) -> Option<Cut> {
    match word {
        "fin" => Some(Cut::Fin),
        "rst" => Some(Cut::Reset),
        _ => None,
    }
}

pub(super) fn dark(word: &str) -> Option<Dark> {
    match word {
        "hold" => Some(Dark::Hold),
        "swallow" => Some(Dark::Swallow),
        _ => None,
    }
}

/// Reads a time of at most an hour.
pub(super) fn duration(word: &str) -> Option<Duration> {
    let units = [("us", 1), ("ms", 1_000), ("s", 1_000_000)];
    let (digits, micros) = units
        .iter()
        .find_map(|&(name, micros)| Some((word.strip_suffix(name)?, micros)))?;
    let time = Duration::from_micros(number::<u64>(digits)?.checked_mul(micros)?);
    (time <= Duration::from_hours(1)).then_some(time)
}
