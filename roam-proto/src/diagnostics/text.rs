//! Diagnostics as aligned text for a terminal.

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt::{self, Display, Formatter};
use core::time::Duration;

use super::{CallInFlight, CallStage, ChannelInFlight, ConnectionInFlight, Diagnostics};
use crate::channel::{ChannelEnd, Direction};
use crate::ids::{MethodId, Role};

impl Diagnostics {
    /// Formats the diagnostics for people, with `method_name` to look up the names of methods.
    /// Methods without a name are shown by their ids.
    pub fn display<N>(&self, method_name: N) -> impl Display
    where
        N: Fn(MethodId) -> Option<String>,
    {
        Text {
            diagnostics: self,
            method_name,
        }
    }
}

impl Display for Diagnostics {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.display(|_| None).fmt(f)
    }
}

struct Text<'a, N> {
    diagnostics: &'a Diagnostics,
    method_name: N,
}

impl<N: Fn(MethodId) -> Option<String>> Display for Text<'_, N> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let diagnostics = self.diagnostics;
        let role = match diagnostics.role {
            Role::Initiator => "initiator",
            Role::Acceptor => "acceptor",
        };
        let traffic = diagnostics.stats.traffic;
        let (received, sent) = (Bytes(traffic.received), Bytes(traffic.sent));
        writeln!(f, "{role}, received {received}, sent {sent}")?;
        match (&diagnostics.close_reason, diagnostics.agreed) {
            (Some(reason), _) => writeln!(f, "  ended: {reason}")?,
            (None, None) => writeln!(f, "  the handshake is not complete")?,
            (None, Some(_)) => {}
        }
        diagnostics.write_outbox(f)?;
        diagnostics.write_remaining(f)?;
        let (ours, theirs) = (diagnostics.outgoing_connects, diagnostics.incoming_connects);
        if ours + theirs > 0 {
            writeln!(f, "  unanswered connects: {ours} out, {theirs} in")?;
        }
        let mut connections = diagnostics.connections.iter();
        connections.try_for_each(|connection| self.write_connection(connection, f))
    }
}

impl Diagnostics {
    fn write_outbox(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let queued = of(self.stats.queued_bytes, self.limits.send_buffer);
        let replies = of(self.queued_replies, self.limits.control_replies);
        let frames = count(self.queued_frames, "frame");
        let blocked = count(self.blocked_channels, "channel");
        writeln!(
            f,
            "  to send: {queued} in {frames}, replies {replies}, {blocked} blocked"
        )
    }

    fn write_remaining(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let (remaining, limits) = (&self.stats.remaining, &self.limits);
        let receive = of(remaining.receive_budget, limits.receive_budget);
        let calls = of(remaining.call_payloads, limits.call_payloads);
        let (channels, most) = (remaining.sending_channels, limits.sending_channels);
        writeln!(
            f,
            "  left: {receive} to receive, {calls} for calls, {channels} of {most} sending channels"
        )
    }
}

impl<N: Fn(MethodId) -> Option<String>> Text<'_, N> {
    fn write_connection(
        &self,
        connection: &ConnectionInFlight,
        f: &mut Formatter<'_>,
    ) -> fmt::Result {
        write!(f, "  connection {}", connection.id)?;
        if let Some(age) = connection.age {
            write!(f, ", {}", Age(age))?;
        }
        if connection.ended {
            f.write_str(", ended")?;
        }
        let ours = connection.outgoing.iter();
        let theirs = connection.incoming.iter();
        let ours = ours.map(|call| self.call_row("call", "waits for the answer", call));
        let theirs = theirs.map(|call| self.call_row("serve", "handler runs", call));
        let channels = connection.channels.iter();
        let channels = channels.map(|channel| self.channel_row(channel));
        let rows: Vec<_> = ours.chain(theirs).chain(channels).collect();
        if rows.is_empty() {
            return writeln!(f, ": nothing in flight");
        }
        writeln!(f)?;
        write_table(f, &rows)
    }

    fn call_row(&self, kind: &str, unanswered: &str, call: &CallInFlight) -> Row {
        let state = match call.stage {
            CallStage::Unanswered => unanswered,
            CallStage::Answered => "answer waits to be sent",
            CallStage::HandlerRunning => "answered, handler runs on",
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
            self.name(Some(call.method)),
            String::new(),
            String::new(),
            format!("{state}{channels}"),
        ]
    }

    fn channel_row(&self, channel: &ChannelInFlight) -> Row {
        let kind = match channel.direction {
            Some(Direction::Send) => "send",
            Some(Direction::Receive) => "receive",
            None => "unbound",
        };
        [
            kind.to_owned(),
            channel.id.to_string(),
            age(channel.age),
            self.name(channel.method),
            Bytes(channel.credit.into()).to_string(),
            Bytes(channel.queued as u64).to_string(),
            channel_state(channel).to_owned(),
        ]
    }

    fn name(&self, method: Option<MethodId>) -> String {
        match method {
            Some(id) => (self.method_name)(id).unwrap_or_else(|| id.to_string()),
            None => "-".to_owned(),
        }
    }
}

fn channel_state(channel: &ChannelInFlight) -> &'static str {
    match (channel.end, channel.direction) {
        (Some(ChannelEnd::Closed), _) => "closed, not read to the end",
        (Some(ChannelEnd::Reset), _) => "reset, still held",
        (Some(ChannelEnd::CallEnded), _) => "its call has ended, still held",
        (Some(ChannelEnd::ConnectionEnded), _) => "its connection has ended, still held",
        (None, Some(Direction::Send)) if channel.awaited => "waits for credit or capacity",
        (None, Some(Direction::Receive)) if channel.awaited => "waits for elements",
        (None, Some(Direction::Receive)) if channel.queued > 0 => "not read",
        (None, Some(_)) => "idle",
        (None, None) => "not taken",
    }
}

const HEADING: [&str; COLUMNS] = ["", "id", "age", "method", "credit", "queued", "state"];
const COLUMNS: usize = 7;
/// Which columns hold figures and are aligned to the right.
const FIGURES: [bool; COLUMNS] = [false, true, true, false, true, true, false];

type Row = [String; COLUMNS];

fn write_table(f: &mut Formatter<'_>, rows: &[Row]) -> fmt::Result {
    let width = |column: usize| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells.max().unwrap_or(0).max(HEADING[column].len())
    };
    let widths: [usize; COLUMNS] = core::array::from_fn(width);
    write_row(f, HEADING, widths)?;
    for row in rows {
        write_row(f, row.each_ref().map(String::as_str), widths)?;
    }
    Ok(())
}

fn write_row(f: &mut Formatter<'_>, row: [&str; COLUMNS], widths: [usize; COLUMNS]) -> fmt::Result {
    let cells = row.iter().zip(widths).zip(FIGURES);
    let cells = cells.map(|((cell, width), is_figure)| {
        if is_figure {
            format!("{cell:>width$}")
        } else {
            format!("{cell:<width$}")
        }
    });
    let line = cells.collect::<Vec<_>>().join("  ");
    writeln!(f, "    {}", line.trim_end())
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

/// A duration in its two most significant units.
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

/// A number of bytes with about three digits.
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
    fn ages_show_two_units() {
        let shown = [0, 250, 3_250, 59_999, 61_000, 7_265_000, 180_000_000];
        let shown = shown.map(|millis| Age(Duration::from_millis(millis)).to_string());
        assert_eq!(
            shown,
            ["0ms", "250ms", "3.2s", "59.9s", "1m01s", "2h01m", "2d02h"]
        );
    }

    #[test]
    fn bytes_use_powers_of_1024() {
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
