//! Links over TCP.

use std::io;

use tokio::net::{TcpListener, TcpStream, ToSocketAddrs};

use super::{StreamTransport, opened};
use crate::proto::Config;
use crate::session::{
    self, AbortOnDrop, ConnectError, ConnectionHandle, Driver, ServiceDispatcher, Tunnel, initiate,
    tunnel_stream,
};

/// Connects to a peer, at most for the handshake timeout.
pub async fn open(
    address: impl ToSocketAddrs,
    config: &Config,
) -> Result<StreamTransport<TcpStream>, ConnectError> {
    let connecting = async {
        let socket = TcpStream::connect(address).await?;
        prepare(&socket)?;
        Ok(socket)
    };
    opened(connecting, config).await
}

/// Connects to a peer, runs the link in the background, and waits until it is ready.
///
/// ```no_run
/// # async fn example() -> Result<(), roam_core::ConnectError> {
/// use roam_core::{Config, NoDispatcher, net::stream::tcp};
///
/// let server = tcp::connect("localhost:9000", NoDispatcher, &Config::client()).await?;
/// # Ok(()) }
/// ```
pub async fn connect(
    address: impl ToSocketAddrs,
    dispatcher: impl ServiceDispatcher,
    config: &Config,
) -> Result<ConnectionHandle, ConnectError> {
    initiate(open(address, config).await?, dispatcher, config).await
}

/// Waits for a peer to connect. The link goes on as long as its driver is polled.
///
/// ```no_run
/// # async fn example() -> std::io::Result<()> {
/// use roam_core::{Config, NoDispatcher, net::stream::tcp};
///
/// let listener = tokio::net::TcpListener::bind("127.0.0.1:9000").await?;
/// loop {
///     let (_, driver) = tcp::accept(&listener, NoDispatcher, &Config::default()).await?;
///     tokio::spawn(driver);
/// }
/// # }
/// ```
///
/// # Errors
/// When the system cannot accept a socket. This may be temporary: retry after a pause.
pub async fn accept(
    listener: &TcpListener,
    dispatcher: impl ServiceDispatcher,
    config: &Config,
) -> io::Result<(ConnectionHandle, Driver<StreamTransport<TcpStream>>)> {
    let (socket, _) = listener.accept().await?;
    prepare(&socket)?;
    Ok(session::accept(
        StreamTransport::new(socket),
        dispatcher,
        config,
    ))
}

/// Joins a socket to a tunnel, as [`tunnel_stream`] does. When the tunnel is reset or the future is
/// dropped early, the socket's peer sees a reset, which it cannot mistake for the end of the stream.
pub fn tunnel(socket: TcpStream, tunnel: Tunnel) -> impl Future<Output = io::Result<()>> {
    let mut socket = ResetOnDrop {
        socket,
        finished: false,
    };
    AbortOnDrop::new(Box::pin(async move { socket.join(tunnel).await }))
}

/// A socket that is reset instead of closed, unless it has finished.
struct ResetOnDrop {
    socket: TcpStream,
    finished: bool,
}

impl ResetOnDrop {
    async fn join(&mut self, tunnel: Tunnel) -> io::Result<()> {
        tunnel_stream(&mut self.socket, tunnel).await?;
        self.finished = true;
        Ok(())
    }
}

impl Drop for ResetOnDrop {
    fn drop(&mut self) {
        if !self.finished {
            // This fails only for a closed socket.
            let _ = self.socket.set_zero_linger();
        }
    }
}

/// Disables Nagle's algorithm: small messages are already joined.
fn prepare(socket: &TcpStream) -> io::Result<()> {
    socket.set_nodelay(true)
}
