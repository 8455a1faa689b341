//! The commands of the program, as lines of text.

mod run;
mod words;

use std::net::SocketAddr;
use std::str::FromStr;

use crate::connection::EndedEarly;
use crate::fault::{Cut, Dark, Direction, Fault, Ways};
use crate::proxy::{Admission, FaultProxy};
use words::Words;

/// What a line commands. [`FromStr`] reads these lines:
///
/// ```text
/// [next | #3] cut [fin | rst]
///             close up | down
///             dark [up | down] [hold | swallow]
///             light [up | down]
///             delay [up | down] 50ms
///             rate [up | down] 100000 | off
///             cut-at up | down 12345 [fin | rst]
///             dark-at up | down 12345 [hold | swallow]
///             close-at up | down 12345
/// accept
/// refuse
/// ignore
/// upstream 127.0.0.1:8080
/// wait accepted 3
/// wait #3 ended
/// wait #3 up | down [lost] 12345
/// status
/// ```
///
/// Faults with `next` make the plan of a connection to come; with `#3` they come to the third
/// connection; otherwise to all, as [`FaultProxy::inject`] says. Several are separated by commas.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Command {
    /// Injects faults.
    Inject(Target, Vec<Fault>),
    /// Sets what becomes of new connections.
    Admit(Admission),
    /// Sets the upstream of connections to come.
    Upstream(SocketAddr),
    /// Answers when something has happened.
    Wait(Awaited),
    /// Answers with all connections.
    Status,
}

/// The connections into which a command injects faults.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// All that are open and all to come.
    All,
    /// The one with this number.
    One(usize),
    /// The next one for which no plan waits.
    Next,
}

/// What a command waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Awaited {
    /// So many connections were accepted.
    Accepted(usize),
    /// The connection with this number has forwarded so many bytes.
    Forwarded(usize, Direction, u64),
    /// The connection with this number has swallowed so many bytes.
    Swallowed(usize, Direction, u64),
    /// The connection with this number has ended.
    Ended(usize),
}

/// A command that cannot be understood or run.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CommandError {
    /// A command does not exist.
    #[error(
        "unknown command `{0}`; expected accept, close, close-at, cut, cut-at, dark, dark-at, delay, \
         ignore, light, rate, refuse, status, upstream or wait"
    )]
    Unknown(String),
    /// A line is empty, or what follows a target or a comma.
    #[error("a command is missing")]
    Empty,
    /// Something is missing.
    #[error("{expected} is missing at the end of `{part}`")]
    Missing {
        /// What is missing.
        expected: &'static str,
        /// The part of the line where it is missing.
        part: String,
    },
    /// A word is none of those that may stand in its place.
    #[error("`{word}` is not {expected}")]
    Invalid {
        /// The word.
        word: String,
        /// What may stand there.
        expected: &'static str,
    },
    /// A command goes on behind its end.
    #[error("`{0}` is one word too many")]
    Extra(String),
    /// No connection has this number yet.
    #[error("connection #{number} was not accepted yet; the last is #{last}")]
    NotAccepted {
        /// The number.
        number: usize,
        /// The number of the last connection that was accepted, or 0.
        last: usize,
    },
    /// A connection ended before what was waited for.
    #[error(transparent)]
    EndedEarly(#[from] EndedEarly),
}

/// Runs the command in `line` and returns one line that begins with `ok` or `error:`.
pub async fn answer(proxy: &FaultProxy, line: &str) -> String {
    let result = match line.parse::<Command>() {
        Ok(command) => command.run(proxy).await,
        Err(error) => Err(error),
    };
    match result {
        Ok(answer) if answer.is_empty() => "ok".to_owned(),
        Ok(answer) => format!("ok {answer}"),
        Err(error) => format!("error: {error}"),
    }
}

impl FromStr for Command {
    type Err = CommandError;

    fn from_str(line: &str) -> Result<Self, CommandError> {
        let mut words = Words::new(line);
        if words.take_if("next") {
            return Ok(Self::Inject(Target::Next, faults(words.rest())?));
        }
        if let Some(number) = words.take_with(words::connection) {
            return Ok(Self::Inject(Target::One(number), faults(words.rest())?));
        }
        let command = match words.peek() {
            Some("accept") => Self::Admit(Admission::Accept),
            Some("refuse") => Self::Admit(Admission::Refuse),
            Some("ignore") => Self::Admit(Admission::Ignore),
            Some("status") => Self::Status,
            Some("upstream") => {
                words.skip();
                let address = words.need("an address with a port", |word| word.parse().ok())?;
                return words.end_with(Self::Upstream(address));
            }
            Some("wait") => {
                words.skip();
                let awaited = awaited(&mut words)?;
                return words.end_with(Self::Wait(awaited));
            }
            _ => return Ok(Self::Inject(Target::All, faults(line)?)),
        };
        words.skip();
        words.end_with(command)
    }
}

fn awaited(words: &mut Words<'_>) -> Result<Awaited, CommandError> {
    if words.take_if("accepted") {
        let count = words.need("a number of connections", words::number)?;
        return Ok(Awaited::Accepted(count));
    }
    let number = words.need("`accepted` or a connection, as `#1`", words::connection)?;
    if words.take_if("ended") {
        return Ok(Awaited::Ended(number));
    }
    let direction = words.need("`ended`, `up` or `down`", words::direction)?;
    if words.take_if("lost") {
        return Ok(Awaited::Swallowed(number, direction, words.byte()?));
    }
    Ok(Awaited::Forwarded(number, direction, words.byte()?))
}

fn faults(list: &str) -> Result<Vec<Fault>, CommandError> {
    list.split(',').map(fault).collect()
}

fn fault(text: &str) -> Result<Fault, CommandError> {
    let mut words = Words::new(text);
    let name = words.take_with(Some).ok_or(CommandError::Empty)?;
    let fault = match name {
        "cut" => Fault::Cut(cut(&mut words)),
        "close" => Fault::Close(words.direction()?),
        "dark" => Fault::Dark(ways(&mut words), dark(&mut words)),
        "light" => Fault::Light(ways(&mut words)),
        "delay" => {
            let ways = ways(&mut words);
            Fault::Delay(ways, words.need("a time, as `50ms`", words::duration)?)
        }
        "rate" => {
            let ways = ways(&mut words);
            let expected = "a number of bytes per second, or `off`";
            let is_off = words.take_if("off");
            let rate = (!is_off).then(|| words.need(expected, words::number));
            Fault::Rate(ways, rate.transpose()?)
        }
        "cut-at" => Fault::CutAt(words.direction()?, words.byte()?, cut(&mut words)),
        "dark-at" => Fault::DarkAt(words.direction()?, words.byte()?, dark(&mut words)),
        "close-at" => Fault::CloseAt(words.direction()?, words.byte()?),
        _ => return Err(CommandError::Unknown(name.to_owned())),
    };
    words.end_with(fault)
}

fn cut(words: &mut Words<'_>) -> Cut {
    words.take_with(words::cut).unwrap_or(Cut::Fin)
}

fn dark(words: &mut Words<'_>) -> Dark {
    words.take_with(words::dark).unwrap_or(Dark::Hold)
}

fn ways(words: &mut Words<'_>) -> Ways {
    words
        .take_with(words::direction)
        .map_or(Ways::Both, Ways::from)
}

#[cfg(test)]
mod tests;
