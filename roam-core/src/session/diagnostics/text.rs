//! What is in flight, as text: aligned, the most important first, to be read in a terminal.

use std::fmt::{self, Display, Formatter};
use std::time::Duration;

use crate::proto::{
    CallInFlight, CallStage, ChannelEnd, ChannelInFlight, ConnectionInFlight, Diagnostics,
    Direction, MethodId, Role,
};
use crate::schema::method_name;

use super::{LinkDiagnostics, Links};

impl Display for Links {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let links = self.diagnostics();
        if links.is_empty() {
            return writeln!(f, "no links");
        }
        links.iter().try_for_each(|link| write!(f, "{link}"))
    }
}

impl Display for LinkDiagnostics {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "link {}", self.number)?;
        if !self.name.is_empty() {
            write!(f, " ({})", self.name)?;
        }
        write!(f, ": {}", self.diagnostics)
    }
}

impl Display for Diagnostics {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let role = match self.role {
            Role::Initiator => "initiator",
            Role::Acceptor => "acceptor",
        };
        let traffic = self.stats.traffic;
        let (received, sent) = (Bytes(traffic.received), Bytes(traffic.sent));
        writeln!(f, "{role}, received {received}, sent {sent}")?;
        match (&self.close_reason, self.agreed) {
            (Some(reason), _) => writeln!(f, "  over: {reason}")?,
            (None, None) => writeln!(f, "  the handshake is not done")?,
            (None, Some(_)) => {}
        }
        self.write_to_send(f)?;
        self.write_room(f)?;
        let (ours, theirs) = (self.outgoing_connects, self.incoming_connects);
        if ours + theirs > 0 {
            writeln!(f, "  connects without an answer: {ours} out, {theirs} in")?;
        }
        let connections = self.connections.iter();
        connections.clone().try_for_each(|it| write!(f, "{it}"))
    }
}

impl Diagnostics {
    fn write_to_send(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let queued = of(self.stats.queued_bytes, self.limits.send_buffer);
        let replies = of(self.queued_replies, self.limits.control_replies);
        let frames = self.queued_frames;
        write!(f, "  to send: {queued} in {}", count(frames, "frame"))?;
        writeln!(
            f,
            ", replies {replies}, {} blocked",
            count(self.blocked_channels, "channel")
        )
    }

    fn write_room(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let (room, limits) = (&self.stats.room, &self.limits);
        let receive = of(room.receive_budget, limits.receive_budget);
        let calls = of(room.call_payloads, limits.call_payloads);
        let (channels, most) = (room.sending_channels, limits.sending_channels);
        writeln!(
            f,
            "  left: {receive} to receive, {calls} for calls, {channels} of {most} sending channels"
        )
    }
}

impl Display for ConnectionInFlight {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "  connection {}", self.id)?;
        if let Some(age) = self.age {
            write!(f, ", {}", Age(age))?;
        }
        if self.ended {
            f.write_str(", over")?;
        }
        let calls = self.outgoing.len() + self.incoming.len();
        if calls + self.channels.len() == 0 {
            return writeln!(f, ": nothing in flight");
        }
        writeln!(f)?;
        let ours = self
            .outgoing
            .iter()
            .map(|call| call_row("call", "waits for the answer", call));
        let theirs = self
            .incoming
            .iter()
            .map(|call| call_row("serve", "handler runs", call));
        let channels = self.channels.iter().map(channel_row);
        let heading = ["", "id", "age", "method", "credit", "queued", "state"].map(String::from);
        let rows = [heading].into_iter();
        write_table(
            f,
            &rows
                .chain(ours)
                .chain(theirs)
                .chain(channels)
                .collect::<Vec<_>>(),
        )
    }
}

const COLUMNS: usize = 7;
/// The columns of figures, which are aligned to the right.
const FIGURES: [bool; COLUMNS] = [false, true, true, false, true, true, false];

type Row = [String; COLUMNS];

fn call_row(kind: &str, unanswered: &str, call: &CallInFlight) -> Row {
    let state = match call.stage {
        CallStage::Unanswered => unanswered,
        CallStage::Answered => "answer waits to be sent",
        CallStage::HandlerLeft => "answered, handler runs on",
    };
    let channels = match &call.channels[..] {
        [] => String::new(),
        ids => {
            let ids: Vec<_> = ids.iter().map(ToString::to_string).collect();
            format!(", channels {}", ids.join(" "))
        }
    };
    [
        kind.to_owned(),
        call.request.to_string(),
        age(call.age),
        name(Some(call.method)),
        String::new(),
        String::new(),
        format!("{state}{channels}"),
    ]
}

fn channel_row(channel: &ChannelInFlight) -> Row {
    let kind = match channel.direction {
        Some(Direction::Send) => "send",
        Some(Direction::Receive) => "receive",
        None => "unbound",
    };
    [
        kind.to_owned(),
        channel.id.to_string(),
        age(channel.age),
        name(channel.method),
        Bytes(channel.credit.into()).to_string(),
        Bytes(channel.queued as u64).to_string(),
        channel_state(channel).to_owned(),
    ]
}

fn channel_state(channel: &ChannelInFlight) -> &'static str {
    match (channel.end, channel.direction) {
        (Some(ChannelEnd::Closed), _) => "closed, not read to the end",
        (Some(ChannelEnd::Reset), _) => "reset, still held",
        (Some(ChannelEnd::CallOver), _) => "its call is over, still held",
        (Some(ChannelEnd::ConnectionOver), _) => "its connection is over, still held",
        (None, Some(Direction::Send)) if channel.awaited => "waits for credit or room",
        (None, Some(Direction::Receive)) if channel.awaited => "waits for elements",
        (None, Some(Direction::Receive)) if channel.queued > 0 => "not read",
        (None, Some(_)) => "idle",
        (None, None) => "nobody has taken it",
    }
}

fn write_table(f: &mut Formatter<'_>, rows: &[Row]) -> fmt::Result {
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max();
    let widths: [usize; COLUMNS] = std::array::from_fn(|column| width(column).unwrap_or(0));
    for row in rows {
        let cells = row.iter().zip(widths).zip(FIGURES);
        let cells = cells.map(|((cell, width), is_figure)| {
            if is_figure {
                format!("{cell:>width$}")
            } else {
                format!("{cell:<width$}")
            }
        });
        let line = cells.collect::<Vec<_>>().join("  ");
        writeln!(f, "    {}", line.trim_end())?;
    }
    Ok(())
}

fn name(method: Option<MethodId>) -> String {
    match method {
        Some(id) => method_name(id).unwrap_or_else(|| id.to_string()),
        None => "-".to_owned(),
    }
}

fn age(age: Option<Duration>) -> String {
    age.map_or_else(|| "-".to_owned(), |age| Age(age).to_string())
}

fn count(number: usize, what: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {what}{plural}")
}

fn of(part: usize, whole: usize) -> String {
    format!("{} of {}", Bytes(part as u64), Bytes(whole as u64))
}

/// A duration with the two units that matter.
struct Age(Duration);

impl Display for Age {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs();
        let (minutes, hours, days) = (seconds / 60, seconds / 3_600, seconds / 86_400);
        match seconds {
            0 => write!(f, "{}ms", self.0.as_millis()),
            1..60 => write!(f, "{seconds}.{}s", self.0.subsec_millis() / 100),
            60..3_600 => write!(f, "{minutes}m{:02}s", seconds % 60),
            3_600..86_400 => write!(f, "{hours}h{:02}m", minutes % 60),
            _ => write!(f, "{days}d{:02}h", hours % 24),
        }
    }
}

/// A number of bytes with three digits or so.
struct Bytes(u64);

impl Display for Bytes {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];
        let bytes = self.0;
        let power = (1..=UNITS.len()).rfind(|power| bytes >> (10 * power) > 0);
        let Some(power) = power else {
            return write!(f, "{bytes} B");
        };
        let tenths = (bytes >> (10 * (power - 1))) * 10 / 1024;
        match tenths % 10 {
            0 => write!(f, "{} {}", tenths / 10, UNITS[power - 1]),
            tenth => write!(f, "{}.{tenth} {}", tenths / 10, UNITS[power - 1]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_have_the_units_that_matter() {
        let shown = [0, 250, 3_250, 59_999, 61_000, 7_265_000, 180_000_000];
        let shown = shown.map(|millis| Age(Duration::from_millis(millis)).to_string());
        assert_eq!(
            shown,
            ["0ms", "250ms", "3.2s", "59.9s", "1m01s", "2h01m", "2d02h"]
        );
    }

    #[test]
    fn bytes_are_counted_in_powers_of_1024() {
        let shown = [0, 1_023, 1_024, 1_600, 256 << 10, 5 << 20, u64::MAX];
        let shown = shown.map(|bytes| Bytes(bytes).to_string());
        assert_eq!(
            shown,
            [
                "0 B",
                "1023 B",
                "1 KiB",
                "1.5 KiB",
                "256 KiB",
                "5 MiB",
                "16383.9 PiB"
            ]
        );
    }
}
