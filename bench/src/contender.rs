//! The interface that workloads use to run a contender.

use std::any::Any;
use std::fmt;
use std::net::SocketAddr;

use bytes::Bytes;
use futures::future::try_join_all;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// Why a workload failed; the table shows the text.
pub type Error = Box<dyn std::error::Error + Send + Sync>;

/// A result with an [`Error`] for the table.
pub type Result<T> = std::result::Result<T, Error>;

/// A contender does not support a workload, because it lacks this feature.
#[derive(Debug)]
pub struct Unsupported(&'static str);

impl fmt::Display for Unsupported {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.0)
    }
}

impl std::error::Error for Unsupported {}

/// Open streams, closed on drop.
pub type OpenStreams = Box<dyn Any + Send>;

/// Ends a stream that nobody reads; fails if the stream has already ended.
pub type UnreadStream = Box<dyn FnOnce() -> Result<()> + Send>;

/// The limits of client and server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limits {
    /// The defaults of the library.
    Default,
    /// 16,384 calls and channels in flight on a link, and windows of 1 MiB.
    Raised,
}

/// An RPC library with a server to call.
///
/// Implementations set `TCP_NODELAY` on both sockets. Client and server run in the current tokio
/// runtime, which has two worker threads.
pub trait Contender: Send + Sync + 'static {
    /// The name in the table.
    const NAME: &'static str;
    /// Whether the benchmark fails if this contender fails at a workload that it supports.
    const MUST_PASS: bool = false;
    /// A handle to a link.
    type Client: Client;

    /// Accepts links on `listener` and serves them forever.
    fn serve(listener: TcpListener, limits: Limits) -> impl Future<Output = ()> + Send;

    /// Opens a link that is ready for calls.
    fn connect(
        server: SocketAddr,
        limits: Limits,
    ) -> impl Future<Output = Result<Self::Client>> + Send;
}

/// The operations on a link. The default methods report that an operation is unsupported.
pub trait Client: Clone + Send + Sync + 'static {
    /// Calls a method that returns its argument.
    fn echo(&self, payload: Bytes) -> impl Future<Output = Result<Bytes>> + Send;

    /// Calls `echo` `calls` times from `in_flight` tasks, with one call in flight each.
    fn echo_many(
        &self,
        payload: Bytes,
        in_flight: usize,
        calls: usize,
    ) -> impl Future<Output = Result<()>> + Send {
        async move {
            let callers = (0..in_flight).map(|_| {
                let (client, payload) = (self.clone(), payload.clone());
                let calls = calls.div_ceil(in_flight);
                tokio::spawn(async move {
                    for _ in 0..calls {
                        expect_echo(&payload, &client.echo(payload.clone()).await?)?;
                    }
                    Ok(())
                })
            });
            try_join_all(callers).await?.into_iter().collect()
        }
    }

    /// Reads a stream of `count` numbers that the server sends one by one, and returns the number
    /// of items received.
    fn numbers(&self, count: u64) -> impl Future<Output = Result<u64>> + Send {
        let _ = count;
        async { unsupported("no streams from the server") }
    }

    /// Sends `chunk` to the server `count` times on a stream, and returns the number of bytes the
    /// server received.
    fn upload(&self, chunk: Bytes, count: usize) -> impl Future<Output = Result<u64>> + Send {
        let _ = (chunk, count);
        async { unsupported("no streams to the server") }
    }

    /// Sends `length` bytes to the server on a byte stream, in writes of 64 KiB, and returns the
    /// number of bytes the server received.
    fn upload_bytes(&self, length: u64) -> impl Future<Output = Result<u64>> + Send {
        let _ = length;
        async { unsupported("no byte streams") }
    }

    /// Makes the server send numbers forever on a stream that nobody reads.
    fn unread_stream(&self) -> impl Future<Output = Result<UnreadStream>> + Send {
        async { unsupported("no streams from the server") }
    }

    /// Opens `count` idle streams from the server.
    fn open_streams(&self, count: usize) -> impl Future<Output = Result<OpenStreams>> + Send {
        let _ = count;
        async { unsupported("no streams from the server") }
    }
}

/// Returns an [`Unsupported`] error that names the missing `feature`.
pub fn unsupported<T>(feature: &'static str) -> Result<T> {
    Err(Unsupported(feature).into())
}

/// Checks that the call that sends on an endless stream is unanswered. While the reader exists, the
/// call is answered only if the stream ended.
pub fn expect_unanswered<T>(call: &JoinHandle<T>, _reader: impl Sized) -> Result<()> {
    if call.is_finished() {
        return Err("the unread stream ended".into());
    }
    Ok(())
}

/// Checks a response, so that no contender wins by cheating.
pub fn expect_echo(sent: &[u8], received: &[u8]) -> Result<()> {
    if sent == received {
        return Ok(());
    }
    Err(format!(
        "received {} bytes that differ from the {} bytes sent",
        received.len(),
        sent.len()
    )
    .into())
}
