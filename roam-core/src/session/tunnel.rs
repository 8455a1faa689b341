//! Byte streams over a link: a channel for each direction.

#[cfg(feature = "stream")]
mod pump;

use std::io::{Error, ErrorKind};

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::schema::Schema;

use super::channel::{Rx, Tx, channel};
use super::error::{RecvError, SendError};

#[cfg(feature = "stream")]
pub use pump::{pump_read_to_tx, pump_rx_to_write, tunnel_stream};

/// One end of a bidirectional byte stream. It travels in the arguments and the results of calls.
///
/// The directions end independently, like those of a TCP connection. Bytes are sent in elements of
/// at most 16 KiB, and where they are split has no meaning.
#[derive(Debug, Serialize, Deserialize, Schema)]
pub struct Tunnel {
    /// Bytes to the other end.
    pub tx: Tx<Bytes>,
    /// Bytes from the other end.
    pub rx: Rx<Bytes>,
}

/// Creates both ends of a tunnel: one to keep, and one to send to the peer.
///
/// ```
/// # tokio::runtime::Runtime::new().unwrap().block_on(async {
/// let (mut ours, theirs) = roam_core::tunnel::tunnel_pair();
/// theirs.tx.send(bytes::Bytes::from("hello")).await?;
/// theirs.tx.close();
/// assert_eq!(ours.rx.recv().await?.as_deref(), Some(&b"hello"[..]));
/// assert_eq!(ours.rx.recv().await?, None);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
pub fn tunnel_pair() -> (Tunnel, Tunnel) {
    let (to_b, from_a) = channel();
    let (to_a, from_b) = channel();
    let a = Tunnel {
        tx: to_b,
        rx: from_b,
    };
    let b = Tunnel {
        tx: to_a,
        rx: from_a,
    };
    (a, b)
}

impl From<RecvError> for Error {
    fn from(error: RecvError) -> Self {
        let kind = match error {
            RecvError::Reset | RecvError::CallEnded => ErrorKind::ConnectionReset,
            RecvError::Lost(_) => ErrorKind::ConnectionAborted,
            RecvError::Decode(_) => ErrorKind::InvalidData,
            RecvError::Moved => ErrorKind::NotConnected,
        };
        Self::new(kind, error)
    }
}

impl From<SendError> for Error {
    fn from(error: SendError) -> Self {
        let kind = match error {
            SendError::Reset | SendError::CallEnded => ErrorKind::ConnectionReset,
            SendError::Lost(_) => ErrorKind::ConnectionAborted,
            SendError::TooLarge { .. } | SendError::Encode(_) => ErrorKind::InvalidInput,
            SendError::Moved => ErrorKind::NotConnected,
        };
        Self::new(kind, error)
    }
}
