//! Links over Unix sockets.

use std::io;
use std::path::{Path, PathBuf};

use tokio::net::{UnixListener, UnixStream};

use super::{StreamTransport, opened};
use crate::proto::Config;
use crate::session::{self, ConnectError, Dial, LinkBuilder, Opened};

/// Connects to a peer, at most for the handshake timeout, and opens a link.
///
/// The link survives its sockets. If the peer only knows version 2 of the protocol, it is connected to once more
/// for that, and the link ends with its socket.
///
/// ```no_run
/// # async fn example() -> Result<(), roam_core::ConnectError> {
/// use roam_core::net::stream::unix;
///
/// let server = unix::connect("/run/demo.socket").await?;
/// # Ok(()) }
/// ```
pub fn connect(path: impl AsRef<Path>) -> LinkBuilder<Dialer> {
    LinkBuilder::connect(Dialer::new(path))
}

/// Opens Unix sockets at a path.
#[derive(Clone, Debug)]
pub struct Dialer {
    path: PathBuf,
    version_2: bool,
}

impl Dialer {
    /// Creates a dialer that finds out whether the peer only knows version 2 of the protocol.
    /// [`fall_back`](Dial::fall_back) tells it.
    pub fn new(path: impl AsRef<Path>) -> Self {
        Self {
            path: path.as_ref().to_owned(),
            version_2: false,
        }
    }
}

impl Dial for Dialer {
    type Transport = StreamTransport<UnixStream>;

    async fn dial(&mut self, config: &Config) -> Result<Self::Transport, ConnectError> {
        let socket = opened(UnixStream::connect(&self.path), config).await?;
        Ok(StreamTransport::dialed(socket, config, self.version_2))
    }

    fn fall_back(&mut self) -> bool {
        !std::mem::replace(&mut self.version_2, true)
    }
}

/// Waits for a peer to connect. The link ends with its socket: one that shall survive it comes from a
/// [`StreamTransport`] and a [`server::Acceptor`](crate::server::Acceptor).
///
/// # Errors
/// When the system cannot accept a socket. This may be temporary: retry after a pause.
pub async fn accept(
    listener: &UnixListener,
) -> io::Result<LinkBuilder<Opened<StreamTransport<UnixStream>>>> {
    let (socket, _) = listener.accept().await?;
    Ok(session::accept(StreamTransport::new(socket)))
}
