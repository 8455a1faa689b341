//! Forwards the bytes of one direction.

use std::future::pending;
use std::io;
use std::num::NonZeroU64;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use crate::connection::Connection;
use crate::fault::{Cut, Dark, Direction, Fault, Side};
use crate::plan::{At, Rule, Rules};
use crate::queue::{CAPACITY, Queue};
use crate::socket;

/// A limited rate is written in as many parts per second.
const PARTS: u64 = 100;

/// A limited rate makes up for as much lost time: timers are a little late.
const SLACK: Duration = Duration::from_millis(10);

/// Forwards the bytes of one direction, as the connection's rules say.
#[derive(Debug)]
pub(crate) struct Pump<'a> {
    direction: Direction,
    source: &'a TcpStream,
    target: &'a TcpStream,
    connection: &'a Connection,
    rules: watch::Receiver<Rules>,
    queue: Queue,
    scratch: Box<[u8]>,
    forwarded: u64,
    /// When a limited rate lets the next bytes pass.
    free_at: Instant,
    source_ended: bool,
    target_closed: bool,
}

impl<'a> Pump<'a> {
    pub(crate) fn new(
        direction: Direction,
        source: &'a TcpStream,
        target: &'a TcpStream,
        connection: &'a Connection,
    ) -> Self {
        Self {
            direction,
            source,
            target,
            connection,
            rules: connection.rules(),
            queue: Queue::default(),
            scratch: vec![0; CAPACITY].into(),
            forwarded: 0,
            free_at: Instant::now(),
            source_ended: false,
            target_closed: false,
        }
    }

    /// Runs until the source has ended and the target was closed. Fails with the side that was reset.
    pub(crate) async fn run(mut self) -> Result<(), Side> {
        loop {
            let rule = self.obey().await?;
            if self.source_ended && self.target_closed {
                return Ok(());
            }
            let now = Instant::now();
            let due = self.due(&rule);
            let is_due = due.is_some_and(|due| due <= now);
            if is_due && self.queue.front().is_none() {
                self.close_target()?;
                continue;
            }
            let may_read =
                !self.source_ended && rule.dark != Some(Dark::Hold) && self.queue.room() > 0;
            tokio::select! {
                biased;
                _ = self.rules.changed() => {}
                _ = self.target.writable(), if is_due => self.forward(&rule, now)?,
                _ = self.source.readable(), if may_read => self.read()?,
                () = sleep_until(due.unwrap_or(now)), if due.is_some() && !is_due => {}
            }
        }
    }

    /// Does what the rules want now, and returns those of this direction.
    async fn obey(&mut self) -> Result<Rule, Side> {
        loop {
            let rules = *self.rules.borrow_and_update();
            let rule = *rules.of(self.direction);
            if rules.cut.is_some() {
                // Whoever runs this pump drops it.
                pending::<()>().await;
            }
            if rule.is_closed && !self.target_closed {
                self.close_target()?;
            }
            if self.target_closed || rule.dark == Some(Dark::Swallow) {
                self.swallow();
            }
            match rule.at {
                Some(at) if self.forwarded >= at.byte => self.fire(at).await,
                _ => return Ok(rule),
            }
        }
    }

    /// Lets a fault come whose byte was reached.
    async fn fire(&mut self, at: At) {
        if matches!(at.fault, Fault::Cut(Cut::Reset)) {
            // A reset loses what the kernel has not sent. If this fails, nothing is left to lose.
            let _ = socket::drained(self.target).await;
        }
        self.connection.change_rules(|rules| {
            rules.of_mut(self.direction).at = None;
            rules.apply(at.fault);
        });
    }

    /// Returns when the first chunk or the end may be forwarded, or `None` if nothing can be.
    fn due(&self, rule: &Rule) -> Option<Instant> {
        if rule.dark.is_some() || self.target_closed {
            return None;
        }
        let due = self.queue.oldest()? + rule.delay;
        let is_paced = rule.rate.is_some() && self.queue.front().is_some();
        Some(if is_paced { due.max(self.free_at) } else { due })
    }

    fn forward(&mut self, rule: &Rule, now: Instant) -> Result<(), Side> {
        let Some(chunk) = self.queue.front() else {
            return Ok(());
        };
        let mut len = chunk.len();
        if let Some(at) = rule.at {
            len = len.min(usize::try_from(at.byte - self.forwarded).unwrap_or(len));
        }
        if let Some(rate) = rule.rate {
            len = len.min(usize::try_from((rate.get() / PARTS).max(1)).unwrap_or(len));
        }
        match self.target.try_write(&chunk[..len]) {
            Ok(count) => {
                self.queue.advance(count);
                self.forwarded += count as u64;
                if let Some(rate) = rule.rate {
                    self.pace(rate, count, now);
                }
                let forwarded = self.forwarded;
                self.connection
                    .count(self.direction, |traffic| traffic.forwarded = forwarded);
                Ok(())
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
            Err(_) => Err(self.direction.target()),
        }
    }

    fn pace(&mut self, rate: NonZeroU64, count: usize, now: Instant) {
        let earliest = now.checked_sub(SLACK).unwrap_or(now);
        let nanos = count as u64 * 1_000_000_000 / rate;
        self.free_at = self.free_at.max(earliest) + Duration::from_nanos(nanos);
    }

    fn read(&mut self) -> Result<(), Side> {
        let room = self.queue.room();
        match self.source.try_read(&mut self.scratch[..room]) {
            Ok(0) => {
                self.source_ended = true;
                self.queue.push_end();
                Ok(())
            }
            Ok(count) => {
                self.queue.push(&self.scratch[..count]);
                Ok(())
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
            Err(_) => Err(self.direction.source()),
        }
    }

    fn close_target(&mut self) -> Result<(), Side> {
        self.target_closed = true;
        socket::close_writing(self.target).map_err(|_| self.direction.target())
    }

    fn swallow(&mut self) {
        let count = self.queue.discard() as u64;
        if count > 0 {
            self.connection
                .count(self.direction, |traffic| traffic.swallowed += count);
        }
    }
}
