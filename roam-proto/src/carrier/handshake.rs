//! How a transport begins: Attach, and the answer to it.

use alloc::string::ToString;
use core::time::Duration;

use super::frame::{Attach, Attached, LinkId, Refusal, Resume, Secret};
use super::heartbeat::{Frames, Heartbeat};
use super::settings::ToldLimits;
use super::{Carrier, Control, End, Received, Transport};
use crate::close::Close;
use crate::metadata::Metadata;
use crate::violation::{Rule, Violation};

impl Carrier {
    /// Begins on another transport, as the initiator.
    pub(crate) fn attach(&mut self, metadata: &Metadata, now: Duration) {
        let End::Initiator {
            ticket,
            attempts,
            postponed,
            ..
        } = &mut self.end
        else {
            return;
        };
        *postponed = None;
        let resume = ticket.clone().map(|(link, secret)| {
            *attempts += 1;
            Resume {
                link,
                secret,
                attempt: *attempts,
                received: self.received,
            }
        });
        let attach = Attach {
            resume,
            metadata: metadata.clone(),
            limits: self.settings.limits,
        };
        self.detach();
        self.control.handshake = Some(attach.encode());
        self.transport = Transport::Attaching { since: now };
        self.refresh();
    }

    /// Accepts a new link under this id, as the acceptor: its first frame was `attach`.
    ///
    /// # Errors
    /// It is not a new link. Answer with the refusal.
    pub(crate) fn accept(
        &mut self,
        attach: &Attach,
        link: LinkId,
        secret: Secret,
        now: Duration,
    ) -> Result<(), Refusal> {
        let End::Acceptor {
            id,
            last_attempt: None,
            ..
        } = &mut self.end
        else {
            return Err(Refusal::unknown_link());
        };
        if attach.resume.is_some() {
            return Err(Refusal::unknown_link());
        }
        *id = Some(link);
        self.answer(attach, 0, secret, now);
        Ok(())
    }

    /// Tells the initiator that there is no link for it, as the acceptor.
    pub(crate) fn refuse(&mut self, refusal: &Refusal) {
        self.control.handshake = Some(refusal.encode());
        self.refresh();
    }

    /// Goes on with the link on another transport, as the acceptor.
    ///
    /// # Errors
    /// A failed attempt changes nothing. Answer it with the refusal.
    pub(crate) fn resume(
        &mut self,
        attach: &Attach,
        secret: Secret,
        now: Duration,
    ) -> Result<(), Refusal> {
        let (
            Some(resume),
            End::Acceptor {
                id,
                confirmed,
                issued,
                last_attempt,
                ..
            },
        ) = (&attach.resume, &self.end)
        else {
            return Err(Refusal::unknown_link());
        };
        let knows = |known: &Option<Secret>| known.is_some_and(|known| known.is(&resume.secret));
        // Both are compared, so that the time tells nothing.
        let (confirmed, issued) = (knows(confirmed), knows(issued));
        if id.as_ref() != Some(&resume.link) || !(confirmed | issued) {
            return Err(Refusal::unknown_link());
        }
        if last_attempt.is_none_or(|last| resume.attempt <= last) {
            return Err(Refusal::new(Close::REPLACED, "a later attempt came first"));
        }
        if let Err(violation) = self.acknowledge(resume.received, false) {
            return Err(Refusal::new(Close::PROTOCOL, &violation.to_string()));
        }
        if issued {
            self.confirm();
        }
        self.detach();
        self.replay.rewind();
        self.answer(attach, resume.attempt, secret, now);
        Ok(())
    }

    /// Answers an Attach, and sends what the peer has not received after that.
    pub(super) fn answer(&mut self, attach: &Attach, attempt: u64, secret: Secret, now: Duration) {
        let End::Acceptor {
            id: Some(link),
            issued,
            last_attempt,
            ..
        } = &mut self.end
        else {
            return;
        };
        *issued = Some(secret);
        *last_attempt = Some(attempt);
        let attached = Attached {
            link: link.clone(),
            secret,
            attempt,
            received: self.received,
            heartbeat: self.settings.heartbeat,
            dead_after: self.settings.dead_after,
            keep: self.settings.keep,
            limits: self.settings.limits,
        };
        self.control.handshake = Some(attached.encode());
        self.on_drain_attached();
        self.on_attached(attach.limits, Some(self.settings.heartbeat), now);
    }

    pub(super) fn on_answer(&mut self, answer: Attached) -> Result<(), Violation> {
        let (
            End::Initiator {
                ticket,
                attempts,
                postponed: None,
                ..
            },
            Transport::Attaching { since },
        ) = (&mut self.end, &self.transport)
        else {
            return Err(Rule::HelloDuplicate.because("an unexpected Attached"));
        };
        let since = *since;
        let is_same =
            |(id, _): &(LinkId, Secret)| *id == answer.link && answer.attempt == *attempts;
        if !ticket.as_ref().is_none_or(is_same) {
            return Err(Rule::DecodeError.because("Attached for another link or attempt"));
        }
        let is_new = ticket.is_none();
        *ticket = Some((answer.link, answer.secret));
        self.settings.dead_after = answer.dead_after;
        self.settings.keep = answer.keep;
        self.acknowledge(answer.received, false)?;
        self.on_attached(answer.limits, None, since);
        if !is_new {
            self.replay.rewind();
        }
        // Tells the acceptor that we have the new secret.
        self.control.ack = true;
        self.refresh();
        Ok(())
    }

    pub(super) fn on_refused(&mut self, refusal: Refusal) -> Result<Received, Violation> {
        match (&self.transport, &mut self.end) {
            // Until then, the acceptor keeps the link.
            (
                Transport::Attaching { .. },
                End::Initiator {
                    ticket: Some(_),
                    postponed,
                    ..
                },
            ) if refusal.retry_after.is_some() => {
                *postponed = Some(refusal);
                Ok(Received::Nothing)
            }
            (Transport::Attaching { .. }, _) => Ok(Received::Refused(refusal)),
            _ => Err(Rule::HelloDuplicate.because("an unexpected Refused")),
        }
    }

    pub(super) fn on_attached(
        &mut self,
        peer_limits: ToldLimits,
        heartbeat: Option<Duration>,
        now: Duration,
    ) {
        self.peer_limits = peer_limits;
        self.unacknowledged = 0;
        self.frames = Frames::default();
        self.transport =
            Transport::Attached(Heartbeat::new(heartbeat, self.settings.dead_after, now));
        self.refresh();
    }

    /// Records that the transport is gone. Nothing is numbered or sent until the next one.
    pub(crate) fn detach(&mut self) {
        self.control = Control::default();
        self.transport = Transport::None;
        if let End::Initiator { is_asked, .. } = &mut self.end {
            *is_asked = false;
        }
        self.refresh();
    }

    #[cold]
    pub(super) fn confirm(&mut self) {
        if let End::Acceptor {
            confirmed, issued, ..
        } = &mut self.end
            && let Some(secret) = issued.take()
        {
            *confirmed = Some(secret);
        }
    }
}
