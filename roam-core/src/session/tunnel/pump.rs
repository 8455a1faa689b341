//! Carrying bytes between a tunnel and a tokio stream.

use std::future::Future;
use std::io;
use std::pin::pin;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use futures::future::{Either, select, try_join};
use futures::{FutureExt, TryFutureExt};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::Tunnel;
use crate::session::abort::AbortOnDrop;
use crate::session::{Rx, SendError, Tx};

/// The longest element of a byte stream, in bytes.
const MAX_CHUNK: usize = 16 * 1024;

/// Joins a stream to a tunnel, until both directions have ended.
///
/// The end of the stream closes the tunnel's sender, and a clean end of the tunnel's receiver shuts
/// the stream down for writing; the other direction goes on. Each direction is read only as fast as
/// its other end takes the bytes.
///
/// Dropping the future earlier resets both directions.
///
/// # Errors
/// When the stream fails, when the peer resets either direction, or when the link ends. Both
/// directions are then reset, and the stream is not shut down. A reader at the stream's other end
/// may still mistake its closing for a clean end; for TCP sockets,
/// [`tcp::tunnel`](crate::net::stream::tcp::tunnel) prevents that.
///
/// ```
/// use roam_core::tunnel::{tunnel_pair, tunnel_stream};
/// use tokio::io::{AsyncReadExt, AsyncWriteExt};
///
/// # tokio::runtime::Runtime::new().unwrap().block_on(async {
/// let (mut near, entry) = tokio::io::duplex(1024);
/// let (exit, mut far) = tokio::io::duplex(1024);
/// // One of the two would go to the peer, in an argument or a result.
/// let (ours, theirs) = tunnel_pair();
/// tokio::spawn(tunnel_stream(entry, ours));
/// tokio::spawn(tunnel_stream(exit, theirs));
///
/// near.write_all(b"is anybody there?").await?;
/// near.shutdown().await?;
/// let mut heard = String::new();
/// far.read_to_string(&mut heard).await?;
/// assert_eq!(heard, "is anybody there?");
/// # std::io::Result::Ok(())
/// # }).unwrap();
/// ```
pub fn tunnel_stream(
    stream: impl AsyncRead + AsyncWrite,
    tunnel: Tunnel,
) -> impl Future<Output = io::Result<()>> {
    let Tunnel { tx, rx } = tunnel;
    let (reader, writer) = tokio::io::split(stream);
    // When one fails, the other is dropped.
    let both = try_join(pump_read_to_tx(reader, tx), pump_rx_to_write(rx, writer));
    both.map_ok(drop)
}

/// Sends everything from a reader, and closes the channel at its end. It reads only as fast as the
/// channel's receiver takes the bytes.
///
/// Dropping the future earlier resets the channel.
///
/// # Errors
/// When the reader fails, after which the channel is reset. When the channel has ended.
pub fn pump_read_to_tx(
    reader: impl AsyncRead,
    tx: Tx<Bytes>,
) -> impl Future<Output = io::Result<()>> {
    AbortOnDrop::new(Box::pin(async move {
        let sent = send_all(reader, &tx).await;
        match sent {
            Ok(()) => tx.close(),
            Err(_) => tx.reset(),
        }
        sent
    }))
}

async fn send_all(reader: impl AsyncRead, tx: &Tx<Bytes>) -> io::Result<()> {
    let mut reader = pin!(reader);
    let mut closed = pin!(tx.closed());
    let mut longest = MAX_CHUNK;
    let mut buffer = BytesMut::new();
    loop {
        // Reuses the memory, since nobody holds what was read before.
        buffer.reserve(longest);
        let mut chunk = (&mut buffer).limit(longest);
        let read = pin!(reader.read_buf(&mut chunk));
        let len = match select(read, &mut closed).await {
            Either::Left((read, _)) => read?,
            Either::Right((error, _)) => return Err(error.into()),
        };
        if len == 0 {
            return Ok(());
        }
        send(tx, buffer.split().freeze(), &mut longest).await?;
    }
}

/// Writes everything that arrives on a channel, and shuts the writer down at its clean end.
///
/// # Errors
/// When the channel is reset: the writer is then not shut down, and pending bytes are dropped. When
/// the writer fails: the channel is then reset.
pub async fn pump_rx_to_write(mut rx: Rx<Bytes>, writer: impl AsyncWrite) -> io::Result<()> {
    let mut writer = pin!(writer);
    loop {
        let next = if let Some(next) = rx.recv().now_or_never() {
            next
        } else {
            unless_failed(&mut rx, writer.flush()).await?;
            rx.recv().await
        };
        match next? {
            Some(chunk) => unless_failed(&mut rx, writer.write_all(&chunk)).await?,
            None => return writer.shutdown().await,
        }
    }
}

/// Sends bytes in as many elements as needed. `longest` is the longest element known to be allowed.
async fn send(tx: &Tx<Bytes>, mut bytes: Bytes, longest: &mut usize) -> Result<(), SendError> {
    while !bytes.is_empty() {
        let element = bytes.slice(..bytes.len().min(*longest));
        match tx.send(&element).await {
            Ok(()) => bytes.advance(element.len()),
            // The link allows less, and says so before it sends anything.
            Err(SendError::TooLarge { max, .. }) if max > LENGTH_PREFIX => {
                *longest = max - LENGTH_PREFIX;
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// The longest length prefix of an element, in bytes.
const LENGTH_PREFIX: usize = 3;

/// Writes, unless the channel fails: a write takes forever when nobody reads.
async fn unless_failed(
    rx: &mut Rx<Bytes>,
    write: impl Future<Output = io::Result<()>>,
) -> io::Result<()> {
    match select(pin!(write), pin!(rx.failed())).await {
        Either::Left((written, _)) => written,
        Either::Right((error, _)) => Err(error.into()),
    }
}
