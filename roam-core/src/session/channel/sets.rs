//! The channel halves that travel with a value.

use std::vec::IntoIter;

use super::receiver::RawReceiver;
use super::remote::RemoteChannel;
use super::sender::RawSender;
use crate::proto::{ChannelId, Direction, Link, NewChannel};
use crate::session::error::ChannelAbort;
use crate::session::link::ConnectionHandle;
use crate::session::link::deferred::Deferred;

/// The halves that were taken out of a value to be sent to the peer.
///
/// Dropping them resets their channels: the halves that stay must not see a clean end.
#[derive(Debug, Default)]
pub struct OutgoingChannels(Vec<Placed>);

/// A half, and where the payload holds its id, if that is known.
#[derive(Debug)]
struct Placed {
    half: RawHalf,
    place: Option<usize>,
}

/// A channel half without its type.
#[derive(Debug)]
pub(super) enum RawHalf {
    Sender(RawSender),
    Receiver(RawReceiver),
}

impl OutgoingChannels {
    pub(super) fn push(&mut self, half: RawHalf) {
        self.0.push(Placed { half, place: None });
    }

    /// Records where the payload holds the id of the last half.
    pub(super) fn place_last(&mut self, place: usize) {
        if let Some(last) = self.0.last_mut() {
            last.place = Some(place);
        }
    }

    /// Returns the channels to open, in order.
    #[inline]
    pub(crate) fn placed(&self) -> Vec<NewChannel> {
        if self.is_empty() {
            return Vec::new();
        }
        let placed = |Placed { half, place }: &Placed| NewChannel {
            kept: half.kept(),
            place: *place,
        };
        self.0.iter().map(placed).collect()
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Sends the halves to the peer: joins those that stay to the link's `channels`.
    #[inline]
    pub(crate) fn connect(
        &mut self,
        link: &mut Link,
        connection: &ConnectionHandle,
        channels: Vec<ChannelId>,
        deferred: &mut Deferred,
    ) {
        if self.0.is_empty() {
            return;
        }
        for (Placed { half, .. }, channel) in std::mem::take(&mut self.0).into_iter().zip(channels)
        {
            let remote = RemoteChannel::new(connection.clone(), channel);
            match half {
                RawHalf::Sender(sender) => sender.connect(link, remote, deferred),
                RawHalf::Receiver(receiver) => receiver.connect(link, remote, deferred),
            }
        }
    }
}

impl RawHalf {
    fn kept(&self) -> Direction {
        match self {
            Self::Sender(_) => Direction::Receive,
            Self::Receiver(_) => Direction::Send,
        }
    }
}

impl Drop for OutgoingChannels {
    #[inline]
    fn drop(&mut self) {
        while let Some(Placed { half, .. }) = self.0.pop() {
            if let RawHalf::Sender(sender) = half {
                sender.abort(ChannelAbort::CallEnded);
            }
        }
    }
}

/// The channels that came with a value, until the halves in the value take them.
///
/// Dropping it resets those that were not taken.
#[derive(Debug)]
pub struct IncomingChannels(Option<Box<Incoming>>);

#[derive(Debug)]
struct Incoming {
    connection: ConnectionHandle,
    channels: IntoIter<ChannelId>,
}

impl IncomingChannels {
    pub(super) const fn none() -> Self {
        Self(None)
    }

    pub(crate) fn new(connection: &ConnectionHandle, channels: Vec<ChannelId>) -> Self {
        // Most values have no channels, and must cost nothing.
        let incoming = (!channels.is_empty()).then(|| {
            Box::new(Incoming {
                connection: connection.clone(),
                channels: channels.into_iter(),
            })
        });
        Self(incoming)
    }

    /// Returns the channels that are left, and their connection, if there are any.
    pub(crate) fn ids(&self) -> Option<(ConnectionHandle, Vec<ChannelId>)> {
        let incoming = self.0.as_ref()?;
        let channels = incoming.channels.as_slice().to_vec();
        Some((incoming.connection.clone(), channels))
    }

    /// Returns how many channels are left.
    pub fn len(&self) -> usize {
        self.0.as_ref().map_or(0, |it| it.channels.len())
    }

    /// Returns whether no channel is left.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Takes the next channel as its sender or its receiver. Returns `None` when none is left, when
    /// the channel has ended, or when the link's budget cannot hold it.
    pub fn next(&mut self, direction: Direction) -> Option<RemoteChannel> {
        let incoming = self.0.as_mut()?;
        let channel = incoming.channels.next()?;
        RemoteChannel::bind(&incoming.connection, channel, direction)
    }

    pub(super) fn next_sender(&mut self) -> Option<RawSender> {
        self.next(Direction::Send).map(RawSender::remote)
    }

    pub(super) fn next_receiver(&mut self) -> Option<RawReceiver> {
        self.next(Direction::Receive).map(RawReceiver::remote)
    }

    /// Takes all channels for relays, which find out their directions.
    pub(crate) fn take_for_relays(mut self) -> Vec<RemoteChannel> {
        let Some(incoming) = &mut self.0 else {
            return Vec::new();
        };
        let Incoming {
            connection,
            channels,
        } = &mut **incoming;
        connection.shared().with(|state, _| {
            for &channel in channels.as_slice() {
                let channel = state.link.channel(connection.id(), channel);
                channel.leave_to_relay();
            }
        });
        let remote = |channel| RemoteChannel::new(connection.clone(), channel);
        channels.map(remote).collect()
    }
}

impl Drop for Incoming {
    fn drop(&mut self) {
        if self.channels.len() == 0 {
            return;
        }
        self.connection.shared().with(|state, _| {
            for channel in self.channels.by_ref() {
                state.link.channel(self.connection.id(), channel).reset();
            }
        });
    }
}
