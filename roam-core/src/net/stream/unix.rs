//! Links over Unix sockets.

use std::io;
use std::path::Path;

use tokio::net::{UnixListener, UnixStream};

use super::{StreamTransport, opened};
use crate::proto::Config;
use crate::session::{self, ConnectError, ConnectionHandle, Driver, ServiceDispatcher, initiate};

/// Connects to a peer, at most for the handshake timeout.
pub async fn open(
    path: impl AsRef<Path>,
    config: &Config,
) -> Result<StreamTransport<UnixStream>, ConnectError> {
    opened(UnixStream::connect(path), config).await
}

/// Connects to a peer, runs the link in the background, and waits until it is ready.
///
/// ```no_run
/// # async fn example() -> Result<(), roam_core::ConnectError> {
/// use roam_core::{Config, NoDispatcher, net::stream::unix};
///
/// let server = unix::connect("/run/demo.socket", NoDispatcher, &Config::client()).await?;
/// # Ok(()) }
/// ```
pub async fn connect(
    path: impl AsRef<Path>,
    dispatcher: impl ServiceDispatcher,
    config: &Config,
) -> Result<ConnectionHandle, ConnectError> {
    initiate(open(path, config).await?, dispatcher, config).await
}

/// Waits for a peer to connect. The link goes on as long as its driver is polled.
///
/// # Errors
/// When the system cannot accept a socket. This may be temporary: retry after a pause.
pub async fn accept(
    listener: &UnixListener,
    dispatcher: impl ServiceDispatcher,
    config: &Config,
) -> io::Result<(ConnectionHandle, Driver<StreamTransport<UnixStream>>)> {
    let (socket, _) = listener.accept().await?;
    Ok(session::accept(
        StreamTransport::new(socket),
        dispatcher,
        config,
    ))
}
