//! Input: received frames and the time.

use core::time::Duration;

use super::frame::{
    ACK, ATTACH, ATTACHED, Attached, DATA, DRAIN, DataHeader, Drain, PING, PONG, PROMPT, REFUSED,
    Refusal, TOKEN, Token,
};
use super::heartbeat::Verdict;
use super::replay::FRAME_COST;
use super::{Carrier, End, Received, Silence, Transport};
use crate::coding::Reader;
use crate::violation::{Rule, Violation};

/// The share of the peer's replay buffer that may be unacknowledged before we acknowledge it in a frame
/// of its own.
const ACK_SHARE: u64 = 4;
/// So many bytes are acknowledged in any case: the peer may have a small window for bulk.
const ACKNOWLEDGED: u64 = 16 * 1024;

impl Carrier {
    /// Takes in a frame. It counts as received: process its messages whatever becomes of the transport.
    #[inline]
    pub(crate) fn receive(&mut self, frame: &[u8]) -> Result<Received, Violation> {
        self.frames.received += 1;
        let mut reader = Reader::new(frame);
        let kind = reader.byte()?;
        let is_prompt = kind & PROMPT != 0;
        match kind & !PROMPT {
            DATA if self.ready.messages => {
                let header = DataHeader::decode(frame, reader)?;
                self.on_data(header, frame.len(), is_prompt)
            }
            DATA => Err(Rule::HelloOrdering.because("the first frame is not Attach")),
            ACK => {
                self.acknowledge(reader.varint()?, is_prompt)?;
                self.confirm();
                reader.finish()?;
                Ok(Received::Nothing)
            }
            _ => self.on_control(kind, reader),
        }
    }

    #[inline]
    pub(super) fn on_data(
        &mut self,
        header: DataHeader,
        len: usize,
        is_prompt: bool,
    ) -> Result<Received, Violation> {
        self.acknowledge(header.ack, is_prompt)?;
        if let End::Acceptor { issued: Some(_), last_attempt, .. } = self.end
            // The first messages of a new link are sent before our answer is read.
            && (last_attempt > Some(0) || header.ack >= self.settings.first_frame)
        {
            self.confirm();
        }
        if header.seq <= self.received {
            return Ok(Received::Nothing);
        }
        if header.seq != self.received + 1 {
            return Err(Rule::DecodeError.because("a frame is missing"));
        }
        self.received = header.seq;
        // As the peer counts what it keeps.
        let cost = (len + FRAME_COST) as u64;
        self.unacknowledged += cost;
        if core::mem::take(&mut self.caught_up) {
            self.prompt += cost;
        }
        // The peer must not stall when only it has something to say.
        if self.unacknowledged > ACKNOWLEDGED.min(self.peer_limits.replay / ACK_SHARE) {
            self.control.ack = true;
            self.refresh();
        }
        Ok(Received::Messages(header.messages))
    }

    #[inline]
    pub(super) fn acknowledge(&mut self, ack: u64, is_prompt: bool) -> Result<(), Violation> {
        let before = self.replay.bulk();
        if self.replay.acknowledge(ack) {
            let acknowledged = before - self.replay.bulk();
            self.flight.on_acknowledged(acknowledged, is_prompt);
            return Ok(());
        }
        Err(Rule::DecodeError.because("a frame is acknowledged that was never sent"))
    }

    #[cold]
    pub(super) fn on_control(
        &mut self,
        kind: u8,
        mut reader: Reader<'_>,
    ) -> Result<Received, Violation> {
        match kind {
            PING | PONG => {
                self.acknowledge(reader.varint()?, false)?;
                self.confirm();
                // The number in a Pong is for whoever measures round trips.
                let token = reader.varint()?;
                if kind == PING {
                    self.control.pong = Some(token);
                    self.refresh();
                }
            }
            ATTACH => return Err(Rule::HelloDuplicate.because("a second Attach")),
            ATTACHED => self.on_answer(Attached::decode(&mut reader)?)?,
            DRAIN => return self.on_drain(Drain::decode(&mut reader)?, &reader),
            TOKEN => return self.on_token(Token::decode(&mut reader)?, &reader),
            REFUSED => return self.on_refused(Refusal::decode(&mut reader)?),
            _ => return Err(Rule::UnknownVariant.because("unknown kind of frame")),
        }
        reader.finish()?;
        Ok(Received::Nothing)
    }

    /// Handles the deadline of [`poll_timeout`](Self::poll_timeout), if it has passed.
    pub(crate) fn handle_timeout(&mut self, now: Duration) -> Silence {
        match &mut self.transport {
            Transport::None => Silence::Alive,
            Transport::Attaching { since } => {
                if now < since.saturating_add(self.settings.handshake_timeout) {
                    return Silence::Alive;
                }
                Silence::Dead
            }
            Transport::Attached(heartbeat) => match heartbeat.check(self.frames, now) {
                Verdict::Alive => Silence::Alive,
                Verdict::Dead => Silence::Dead,
                Verdict::Ping => {
                    self.control.ping = true;
                    self.refresh();
                    Silence::Alive
                }
            },
        }
    }

    /// Asks the peer for a sign of life, which it must give within seconds: the network may have changed.
    pub(crate) fn probe(&mut self, now: Duration) {
        if let Transport::Attached(heartbeat) = &mut self.transport {
            heartbeat.probe(self.frames, now);
            self.control.ping = true;
            self.refresh();
        }
    }
}
