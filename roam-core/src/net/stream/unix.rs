//! Links over Unix sockets.

use std::io;
use std::path::{Path, PathBuf};

use tokio::net::{UnixListener, UnixStream};

use super::{StreamTransport, opened};
use crate::proto::Config;
use crate::session::{self, ConnectError, Dial, LinkBuilder, Opened};

/// Connects to a peer, at most for the handshake timeout, and opens a link.
///
/// ```no_run
/// # async fn example() -> Result<(), roam_core::ConnectError> {
/// use roam_core::net::stream::unix;
///
/// let server = unix::connect("/run/demo.socket").await?;
/// # Ok(()) }
/// ```
pub fn connect(path: impl AsRef<Path>) -> LinkBuilder<Dialer> {
    LinkBuilder::connect(Dialer(path.as_ref().to_owned()))
}

/// Opens Unix sockets at a path.
#[derive(Clone, Debug)]
pub struct Dialer(pub PathBuf);

impl Dial for Dialer {
    type Transport = StreamTransport<UnixStream>;

    async fn dial(&mut self, config: &Config) -> Result<Self::Transport, ConnectError> {
        let socket = opened(UnixStream::connect(&self.0), config).await?;
        Ok(StreamTransport::new(socket))
    }
}

/// Waits for a peer to connect.
///
/// # Errors
/// When the system cannot accept a socket. This may be temporary: retry after a pause.
pub async fn accept(
    listener: &UnixListener,
) -> io::Result<LinkBuilder<Opened<StreamTransport<UnixStream>>>> {
    let (socket, _) = listener.accept().await?;
    Ok(session::accept(StreamTransport::new(socket)))
}
