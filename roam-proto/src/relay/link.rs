//! What relays do on a link.

use crate::channel::{Channel, ChannelEnd, Direction, SendError, Unbound};
use crate::connection::serve;
use crate::credit::{ReceiveWindow, SendCredit};
use crate::ids::{ChannelId, ConnectionId};
use crate::link::Link;
use crate::message::Message;
use crate::outbox::Priority;
use crate::queue::ElementQueue;

/// What the peer has shown of a channel.
pub(super) enum Observed {
    /// Nothing. An [`Event::ChannelReady`](crate::Event::ChannelReady) follows.
    Nothing,
    /// The direction of the elements, as seen from here.
    Direction(Direction),
    End(ChannelEnd),
}

/// What became of the held elements.
pub(super) struct Forwarded {
    /// How many bytes the sender's side may count as passed on: those that the reader has consumed or, if the
    /// receiver's link does not tell that promptly, those that were sent.
    pub(super) bytes: u32,
    pub(super) onward_credit: u32,
}

/// How the receiver's side is to go on.
pub(super) struct Received {
    /// How the channel has ended.
    pub(super) end: Option<ChannelEnd>,
    /// The sender waits with an element of this length.
    pub(super) asked: Option<u32>,
}

impl Link {
    pub(super) fn observe_for_relay(
        &mut self,
        connection: ConnectionId,
        channel: ChannelId,
    ) -> Observed {
        let Some((found, _)) = self.any_half(connection, channel) else {
            return Observed::End(ChannelEnd::ConnectionEnded);
        };
        match found {
            Channel::Unbound(unbound) => unbound.observe(),
            Channel::Sending(half) => {
                half.wait(usize::MAX);
                half.end
                    .map_or(Observed::Direction(Direction::Send), Observed::End)
            }
            Channel::Receiving(half) => {
                half.waiting = true;
                half.end
                    .map_or(Observed::Direction(Direction::Receive), Observed::End)
            }
        }
    }

    /// Counts bytes as forwarded, grants what can be sent onward, and takes what has arrived if
    /// nothing is held. Returns a clean end once everything before it was forwarded, any other end
    /// at once.
    pub(super) fn receive_for_relay(
        &mut self,
        connection: ConnectionId,
        channel: ChannelId,
        (forwarded, onward_credit): (u32, u32),
        held: &mut ElementQueue,
    ) -> Received {
        let ended = |end| Received {
            end: Some(end),
            asked: None,
        };
        let Some((half, ctx)) = self.receive_half(connection, channel) else {
            return ended(ChannelEnd::ConnectionEnded);
        };
        if held.is_empty() {
            *held = core::mem::take(&mut half.queue);
        }
        match &mut half.window {
            ReceiveWindow::Window(window) => {
                if let Some(bytes) = window.pass_on(forwarded, onward_credit)
                    && half.end.is_none()
                {
                    ctx.push_credit(&Message::Credit {
                        connection,
                        channel,
                        bytes,
                    });
                }
            }
            ReceiveWindow::Pooled(window) => {
                let told = window.consume(forwarded, &mut ctx.budget.room);
                ctx.push_grant(told, connection, channel);
            }
        }
        match half.end {
            Some(ChannelEnd::Closed) if !held.is_empty() => {}
            Some(end) => return ended(end),
            None => {}
        }
        half.waiting = true;
        serve(half, ctx, connection, channel);
        let asked = half.window.asked();
        Received { end: None, asked }
    }

    /// Sends elements as far as credit and capacity allow. An
    /// [`Event::ChannelReady`](crate::Event::ChannelReady) follows at the next Credit, when there is
    /// capacity again, and at the end.
    pub(super) fn forward_for_relay(
        &mut self,
        connection: ConnectionId,
        channel: ChannelId,
        held: &mut ElementQueue,
        (asked, consumed): (Option<u32>, &mut u64),
    ) -> Result<Forwarded, SendError> {
        let Some((half, ctx)) = self.send_half(connection, channel) else {
            return Err(SendError::Ended(ChannelEnd::ConnectionEnded));
        };
        if let Some(end) = half.end {
            return Err(SendError::Ended(end));
        }
        let (mut bytes, max) = (0, ctx.agreed.largest_element());
        while let Some(len) = held.front_len() {
            if len > max {
                return Err(SendError::TooLarge { len, max });
            }
            if !ctx.may_send(half) {
                ctx.block(half, connection, channel);
                break;
            }
            if half.spend(len, &mut ctx.pool).is_err() {
                ctx.ask(half, (connection, channel), len);
                break;
            }
            ctx.count_served(half, len);
            held.pop(|payload| {
                let data = Message::Data {
                    connection,
                    channel,
                    payload,
                };
                ctx.outbox.push(Priority::Bulk, &data);
            });
            // No element is longer than a window, which is a `u32`.
            bytes += u32::try_from(len).unwrap_or(u32::MAX);
        }
        if let SendCredit::Pooled(credit) = &half.credit {
            let before = core::mem::replace(consumed, credit.consumed());
            bytes = u32::try_from(*consumed - before).unwrap_or(u32::MAX);
            // The sender waits for consumption that its reader has not told.
            if let Some(asked) = asked
                && held.is_empty()
                && credit.is_outstanding()
            {
                ctx.ask(half, (connection, channel), asked as usize);
            }
        }
        half.wait(0);
        let onward_credit = half.credit.sendable(&ctx.pool);
        Ok(Forwarded {
            bytes,
            onward_credit,
        })
    }
}

impl Unbound {
    fn observe(&mut self) -> Observed {
        // A reset ends both halves; a Close ends only the receiving one.
        if let Some(end) = self.send.end {
            return Observed::End(end);
        }
        if self.receive.was_used() {
            return Observed::Direction(Direction::Receive);
        }
        if self.send.credit.was_granted() {
            return Observed::Direction(Direction::Send);
        }
        self.receive.waiting = true;
        Observed::Nothing
    }
}
