//! Channels: typed halves, local or on a link.
//!
//! A channel has three layers: [`Tx`] and [`Rx`] encode and decode elements; beneath them a
//! [`core`] is local or refers to a channel of a link; beneath that is the link.

mod context;
mod core;
mod local;
mod places;
mod receiver;
mod remote;
mod rx;
mod sender;
mod sets;
mod splice;
mod tx;

pub(super) use context::{decode, encode};
pub use remote::{Batch, RemoteChannel};
pub use rx::Rx;
pub use sets::{IncomingChannels, OutgoingChannels};
pub use tx::Tx;

use core::ChannelCore;
use receiver::RawReceiver;
use sender::RawSender;
use std::sync::Arc;

/// Creates a channel: what is sent on one half is received from the other, in order.
///
/// Either half can be sent to the peer in the arguments or the result of a call, at any depth.
/// Elements that were sent before are not lost. While both halves are here, the channel works
/// locally, with a window of 256 KiB.
///
/// ```
/// # tokio::runtime::Runtime::new().unwrap().block_on(async {
/// let (tx, mut rx) = roam_core::channel::<u32>();
/// tx.send(1).await?;
/// drop(tx);
/// assert_eq!(rx.recv().await?, Some(1));
/// assert_eq!(rx.recv().await?, None);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
pub fn channel<T>() -> (Tx<T>, Rx<T>) {
    let core = Arc::new(ChannelCore::default());
    let sender = RawSender::new(Arc::clone(&core));
    (Tx::new(sender), Rx::new(RawReceiver::new(core)))
}
