//! What a contender has to offer, so that every workload can be run on it.

use std::any::Any;
use std::fmt;
use std::net::SocketAddr;

use bytes::Bytes;
use futures::future::try_join_all;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// Why a workload could not be run, in words for the table's cell.
pub type Error = Box<dyn std::error::Error + Send + Sync>;

/// What came of something, or why it could not be done.
pub type Result<T> = std::result::Result<T, Error>;

/// A contender has no means to run a workload, and this is what it lacks.
#[derive(Debug)]
pub struct Unsupported(&'static str);

impl fmt::Display for Unsupported {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.0)
    }
}

impl std::error::Error for Unsupported {}

/// Something that is kept as it is until it is dropped: streams that are open.
pub type Kept = Box<dyn Any + Send>;

/// A stream that is not read. Called, it ends, and it is an error if it had ended before.
pub type Unread = Box<dyn FnOnce() -> Result<()> + Send>;

/// How the two ends are set up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limits {
    /// As the library comes.
    Default,
    /// Room for 16,384 calls and channels in flight on a link, and windows of 1 MiB.
    Raised,
}

/// A way to call a server.
///
/// Sockets of both ends are to be set to `TCP_NODELAY`. Both ends run in the tokio runtime in which
/// they are called, with two worker threads.
pub trait Contender: Send + Sync + 'static {
    /// The name in the table.
    const NAME: &'static str;
    /// Whether it stands in this repository, so that it has to run whatever it supports.
    const IS_OURS: bool = false;
    /// A link, as its callers hold it.
    type Client: Client;

    /// Serves every link that comes on `listener`, for ever.
    fn serve(listener: TcpListener, limits: Limits) -> impl Future<Output = ()> + Send;

    /// Opens a link, ready for calls.
    fn connect(
        server: SocketAddr,
        limits: Limits,
    ) -> impl Future<Output = Result<Self::Client>> + Send;
}

/// What can be done on a link. What a contender leaves out it cannot do, and the table says so.
pub trait Client: Clone + Send + Sync + 'static {
    /// Calls a method that answers with what it was given.
    fn echo(&self, payload: Bytes) -> impl Future<Output = Result<Bytes>> + Send;

    /// Calls `echo` `calls` times, `in_flight` at a time: that many callers, each a task of its
    /// own that calls again when it has its answer.
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

    /// Reads a stream of `count` numbers that the server sends one by one, and returns how many
    /// came.
    fn numbers(&self, count: u64) -> impl Future<Output = Result<u64>> + Send {
        let _ = count;
        async { unsupported("no streams from the server") }
    }

    /// Sends the server a stream of `count` times `chunk`, and returns how many bytes the server
    /// says have come.
    fn upload(&self, chunk: Bytes, count: usize) -> impl Future<Output = Result<u64>> + Send {
        let _ = (chunk, count);
        async { unsupported("no streams to the server") }
    }

    /// Sends the server `length` bytes as a byte stream, in writes of 64 KiB, and returns how many
    /// the server says have come.
    fn upload_bytes(&self, length: u64) -> impl Future<Output = Result<u64>> + Send {
        let _ = length;
        async { unsupported("no byte streams") }
    }

    /// Has the server send numbers without end on a stream that nobody reads.
    fn unread_stream(&self) -> impl Future<Output = Result<Unread>> + Send {
        async { unsupported("no streams from the server") }
    }

    /// Opens `count` streams from the server on which nothing is sent.
    fn open_streams(&self, count: usize) -> impl Future<Output = Result<Kept>> + Send {
        let _ = count;
        async { unsupported("no streams from the server") }
    }
}

/// A workload that the contender has no means to run.
pub fn unsupported<T>(why: &'static str) -> Result<T> {
    Err(Unsupported(why).into())
}

/// The call that sends on a stream without end is answered only when the stream is cut, as long as
/// there is a reader.
pub fn expect_unanswered<T>(call: &JoinHandle<T>, _reader: impl Sized) -> Result<()> {
    if call.is_finished() {
        return Err("the stream that is not read is cut".into());
    }
    Ok(())
}

/// An answer has to be what was asked for: a contender that cheats would win.
pub fn expect_echo(sent: &[u8], came: &[u8]) -> Result<()> {
    if sent == came {
        return Ok(());
    }
    Err(format!(
        "{} bytes came back, not the {} that were sent",
        came.len(),
        sent.len()
    )
    .into())
}
