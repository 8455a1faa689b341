//! Links that survive their transport.

use alloc::boxed::Box;
use core::time::Duration;

use bytes::Bytes;

use super::{Link, State};
use crate::budget::Budget;
use crate::carrier::{Attach, Carrier, Drain, LinkId, Received, Refusal, Secret, Silence};
use crate::config::{Agreed, Config};
use crate::event::{CloseReason, Event};
use crate::framing::Framing;
use crate::ids::{ConnectionId, Role};
use crate::message::{Hello, Message};
use crate::metadata::Metadata;
use crate::outbox::{Outbox, Priority};

/// Creates the carrier of a link whose frames are numbered.
pub(super) fn carrier(role: Role, framing: Framing, config: &Config) -> Option<Box<Carrier>> {
    if framing != Framing::Numbered {
        return None;
    }
    Some(Box::new(match role {
        Role::Initiator => Carrier::initiator(config),
        Role::Acceptor => Carrier::acceptor(config),
    }))
}

/// Creates an outbox with our Hello in it.
pub(super) fn outbox(framing: Framing, our_hello: Hello) -> Outbox {
    let mut outbox = Outbox::new(framing);
    outbox.push(Priority::Urgent, &Message::Hello(our_hello));
    // The peer's limit on the first frame is small: nothing else may share it.
    outbox.seal();
    outbox
}

/// Links with [`Framing::Numbered`]. Without it, nothing here has an effect.
impl Link {
    /// Begins on a transport that the initiator has opened: the first, or another that replaces it.
    /// `metadata` tells the acceptor who we are.
    pub fn attach(&mut self, metadata: &Metadata, now: Duration) {
        self.transport_is_dead = false;
        if let Some(carrier) = &mut self.carrier {
            carrier.attach(metadata, now);
        }
    }

    /// Accepts a new link, under an id and a secret of the shell's choice: the first frame on its transport was
    /// `attach`.
    ///
    /// # Errors
    /// The peer wants to go on with another link. Answer with the [refusal](Refusal::encode).
    pub fn accept(
        &mut self,
        attach: &Attach,
        id: LinkId,
        secret: Secret,
        now: Duration,
    ) -> Result<(), Refusal> {
        let carrier = self.carrier.as_mut().ok_or_else(Refusal::unknown_link)?;
        carrier.accept(attach, id, secret, now)
    }

    /// Goes on with the link on the transport whose first frame was `attach`, as the acceptor. `secret` is
    /// for the transport after that. Drop the transport before; the initiator has given it up.
    ///
    /// # Errors
    /// The attempt has no right to the link, or a later one came first. The link and its transport are
    /// unchanged; answer with the [refusal](Refusal::encode).
    pub fn resume(
        &mut self,
        attach: &Attach,
        secret: Secret,
        now: Duration,
    ) -> Result<(), Refusal> {
        if self.is_closed() && !self.has_unsent() {
            return Err(Refusal::ended());
        }
        let carrier = self.carrier.as_mut().ok_or_else(Refusal::unknown_link)?;
        carrier.resume(attach, secret, now)?;
        if carrier.on_token_attached(attach) {
            let metadata = None;
            self.ctx.events.push_back(Event::TokenGiven { metadata });
        }
        self.transport_is_dead = false;
        Ok(())
    }

    /// Returns whether the peer may not have received everything that was sent. Then even a link that has
    /// ended may get another transport, so that the peer learns how.
    pub fn has_unsent(&self) -> bool {
        let replay = self
            .carrier
            .as_ref()
            .map_or(0, |carrier| carrier.replay_cost());
        replay > 0 || !self.ctx.outbox.is_empty()
    }

    /// Records that the transport is gone. Everything on the link waits for the next one.
    pub fn detach(&mut self) {
        self.transport_is_dead = false;
        if let Some(carrier) = &mut self.carrier {
            carrier.detach();
        }
    }

    /// Goes on with a framing of version 2 of the protocol, the only one that the peer knows: its link does not
    /// survive the transport. Does nothing once the peers have agreed.
    pub fn fall_back(&mut self, framing: Framing, now: Duration) {
        if self.has_agreed() || framing == Framing::Numbered {
            return;
        }
        let has_unsent = self.has_unsent();
        let Some(carrier) = self.carrier.take() else {
            return;
        };
        self.framing = framing;
        // Only ends that number their frames share a pool of credit.
        let ours = self.our_hello;
        self.ctx.agreed = Agreed::between(ours, ours, framing);
        self.ctx.budget = Budget::new(&self.ctx.limits, ours, framing);
        if !has_unsent {
            return;
        }
        // Before the handshake, nothing but a Hello was queued, and a Goodbye.
        self.ctx.outbox = outbox(framing, self.our_hello);
        if let State::Closed { reason, .. } = &self.state {
            self.push_goodbye(ConnectionId::ROOT, &reason.clone());
        } else {
            let deadline = now.saturating_add(carrier.handshake_timeout());
            self.state = State::Handshake { deadline };
        }
    }

    /// Asks the peer for a sign of life, for example since the network has changed. If there is none, the
    /// transport [is dead](Self::is_transport_dead) after 5 seconds.
    pub fn probe(&mut self, now: Duration) {
        if let Some(carrier) = &mut self.carrier {
            carrier.probe(now);
        }
    }

    /// Returns whether the peer was silent for so long that the transport must be replaced.
    pub fn is_transport_dead(&self) -> bool {
        self.transport_is_dead
    }

    /// Returns whether both ends agree that frames flow on the present transport.
    pub fn is_attached(&self) -> bool {
        self.carrier
            .as_ref()
            .is_none_or(|carrier| carrier.is_attached())
    }

    /// Returns the link's id, once it is known.
    pub fn link_id(&self) -> Option<&LinkId> {
        self.carrier.as_ref()?.link_id()
    }

    /// Returns for how long the link is kept without a transport; zero if its loss ends the link.
    pub fn keep(&self) -> Duration {
        self.carrier
            .as_ref()
            .map_or(Duration::ZERO, |carrier| carrier.keep())
    }

    /// Takes in a numbered frame. Returns where its messages begin.
    #[inline]
    pub(super) fn receive(&mut self, frame: &Bytes) -> Option<usize> {
        let carrier = self.carrier.as_mut()?;
        let received = carrier.receive(frame);
        self.ctx.bulk_capacity = carrier.bulk_window().min(self.ctx.limits.send_buffer);
        match received {
            Ok(Received::Messages(offset)) => return Some(offset),
            Ok(Received::Nothing) => {}
            Ok(Received::Refused(refusal)) => self.end_refused(refusal),
            Ok(Received::Drain(advice)) => self.ctx.events.push_back(Event::Drain(advice)),
            Ok(Received::TokenAsked(within)) => {
                self.ctx.events.push_back(Event::TokenAsked { within });
            }
            Ok(Received::TokenGiven(metadata)) => {
                let metadata = Some(metadata);
                self.ctx.events.push_back(Event::TokenGiven { metadata });
            }
            Err(violation) => self.handle_violation(violation),
        }
        None
    }

    /// Refuses the link, as the acceptor.
    pub fn refuse(&mut self, refusal: Refusal) {
        if let Some(carrier) = &mut self.carrier {
            carrier.refuse(&refusal);
        }
        self.end_refused(refusal);
    }

    /// Asks the initiator for a new token: an [`Event::TokenGiven`] follows, unless the link ends before. A link that
    /// has no transport, or loses it before the answer, asks again on the next. One question is open at a time.
    /// Returns `false` where nobody can be asked: as the initiator, and with peers that only know version 2 of the
    /// protocol.
    pub fn ask_for_token(&mut self, within: Duration) -> bool {
        let carrier = self.carrier.as_mut();
        carrier.is_some_and(|carrier| carrier.ask_for_token(within))
    }

    /// Answers an [`Event::TokenAsked`] with what we say of ourselves now. Does nothing if the question is no longer
    /// open: it is asked again on the next transport.
    pub fn give_token(&mut self, metadata: &Metadata) {
        if let Some(carrier) = &mut self.carrier {
            carrier.give_token(metadata);
        }
    }

    /// Advises the initiator to go elsewhere. Advice that it has not received is sent again on its next transport, and
    /// advice to open another link on each. Returns `false` where nobody can be advised: as the initiator, and with
    /// peers that only know version 2 of the protocol.
    pub fn drain(&mut self, advice: Drain) -> bool {
        let carrier = self.carrier.as_mut();
        carrier.is_some_and(|carrier| carrier.drain(advice))
    }

    /// Takes the refusal of the present transport, if the acceptor keeps the link and said when to come again. Give
    /// the transport up, wait, and [attach](Self::attach) another.
    pub fn take_postponed(&mut self) -> Option<Refusal> {
        self.carrier.as_mut()?.take_postponed()
    }

    /// Ends the link because its acceptor refused to go on with it, for good.
    pub fn handle_refused(&mut self, refusal: Refusal) {
        self.end_refused(refusal);
    }

    #[cold]
    fn end_refused(&mut self, refusal: Refusal) {
        self.end(CloseReason::Refused(refusal));
        self.drop_unsent();
    }

    /// Checks whether the peer is alive.
    pub(super) fn check_transport(&mut self, now: Duration) {
        if let Some(carrier) = &mut self.carrier
            && carrier.handle_timeout(now) == Silence::Dead
        {
            self.transport_is_dead = true;
        }
    }
}
