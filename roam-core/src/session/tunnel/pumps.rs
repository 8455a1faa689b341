//! What carries bytes between a tunnel and whatever tokio reads and writes.

use std::future::Future;
use std::io;
use std::pin::pin;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use futures::future::{Either, select, try_join};
use futures::{FutureExt, TryFutureExt};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::Tunnel;
use crate::session::unfinished::Unfinished;
use crate::session::{Rx, SendError, Tx};

/// The longest element of a byte stream, in bytes.
const MAX_CHUNK: usize = 16 * 1024;

/// Joins a stream to a tunnel, until both directions have come to their end.
///
/// The end of what is read closes the tunnel's sender, and the clean end of what comes through the
/// tunnel shuts the stream down for writing; the other direction goes on. Each direction is read
/// only as fast as it is taken at its other end.
///
/// When it is dropped before that, both directions are cut.
///
/// # Errors
/// When the stream fails, when the peer cuts either direction, or when the link ends. Both
/// directions are cut then, and the stream is not shut down. Whoever reads from its other end may
/// all the same take the closing of it for a clean end; for a TCP socket,
/// [`tcp::tunnel`](crate::transport::stream::tcp::tunnel) sees to that.
///
/// ```
/// use roam_core::{tunnel_pair, tunnel_stream};
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
    // When the one fails, the other is dropped.
    let both = try_join(pump_read_to_tx(reader, tx), pump_rx_to_write(rx, writer));
    both.map_ok(drop)
}

/// Sends everything that a reader has, and closes the channel at its end. It is read only as fast
/// as the channel's reader takes it.
///
/// When it is dropped before that, the channel is cut.
///
/// # Errors
/// When the reader fails; the channel is cut then. When the channel is over.
pub fn pump_read_to_tx(
    reader: impl AsyncRead,
    tx: Tx<Bytes>,
) -> impl Future<Output = io::Result<()>> {
    Unfinished::new(Box::pin(async move {
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
        // Takes the same memory again, as nobody holds what was read before.
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

/// Writes everything that comes on a channel, and shuts the writer down at its clean end.
///
/// # Errors
/// When the channel is cut: the writer is not shut down then, and what is not written yet no more
/// written. When the writer fails: the channel is cut then.
pub async fn pump_rx_to_write(mut rx: Rx<Bytes>, writer: impl AsyncWrite) -> io::Result<()> {
    let mut writer = pin!(writer);
    loop {
        let next = if let Some(next) = rx.recv().now_or_never() {
            next
        } else {
            unless_cut(&mut rx, writer.flush()).await?;
            rx.recv().await
        };
        match next? {
            Some(chunk) => unless_cut(&mut rx, writer.write_all(&chunk)).await?,
            None => return writer.shutdown().await,
        }
    }
}

/// Sends some bytes, in as many elements as it takes. `longest` is how long those may be, as far
/// as is known.
async fn send(tx: &Tx<Bytes>, mut bytes: Bytes, longest: &mut usize) -> Result<(), SendError> {
    while !bytes.is_empty() {
        let element = bytes.slice(..bytes.len().min(*longest));
        match tx.send(&element).await {
            Ok(()) => bytes.advance(element.len()),
            // The link allows less. It tells so before anything is sent.
            Err(SendError::TooLarge { max, .. }) if max > LENGTH => *longest = max - LENGTH,
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// What the length of an element takes, in bytes, at most.
const LENGTH: usize = 3;

/// Writes, which takes for ever when nobody reads, unless the channel is cut in between.
async fn unless_cut(
    rx: &mut Rx<Bytes>,
    write: impl Future<Output = io::Result<()>>,
) -> io::Result<()> {
    match select(pin!(write), pin!(rx.cut())).await {
        Either::Left((written, _)) => written,
        Either::Right((error, _)) => Err(error.into()),
    }
}
