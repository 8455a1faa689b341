//! Links over TCP.

use std::io;
use std::net::SocketAddr;

use tokio::net::{TcpListener, TcpStream, ToSocketAddrs};

use super::{StreamTransport, opened};
use crate::proto::Config;
use crate::rt::{MaybeSend, MaybeSync};
use crate::session::{
    self, AbortOnDrop, ConnectError, Dial, LinkBuilder, Opened, Tunnel, tunnel_stream,
};

/// Connects to a peer, at most for the handshake timeout, and opens a link.
///
/// ```no_run
/// # async fn example() -> Result<(), roam_core::ConnectError> {
/// use roam_core::net::stream::tcp;
///
/// let server = tcp::connect("localhost:9000").await?;
/// # Ok(()) }
/// ```
pub fn connect<A: ToSocketAddrs>(address: A) -> LinkBuilder<Dialer<A>> {
    LinkBuilder::connect(Dialer(address))
}

/// Opens TCP sockets to an address.
#[derive(Clone, Debug)]
pub struct Dialer<A>(pub A);

impl<A> Dial for Dialer<A>
where
    A: ToSocketAddrs<Future: Send> + Clone + MaybeSend + MaybeSync + 'static,
{
    type Transport = StreamTransport<TcpStream>;

    async fn dial(&mut self, config: &Config) -> Result<Self::Transport, ConnectError> {
        let connecting = async {
            let socket = TcpStream::connect(self.0.clone()).await?;
            let peer = socket.peer_addr()?;
            transport(socket, peer)
        };
        opened(connecting, config).await
    }
}

/// Waits for a peer to connect.
///
/// ```no_run
/// # async fn example() -> std::io::Result<()> {
/// use roam_core::net::stream::tcp;
///
/// let listener = tokio::net::TcpListener::bind("127.0.0.1:9000").await?;
/// loop {
///     let (_, driver) = tcp::accept(&listener).await?.drive();
///     tokio::spawn(driver);
/// }
/// # }
/// ```
///
/// # Errors
/// When the system cannot accept a socket. This may be temporary: retry after a pause.
pub async fn accept(
    listener: &TcpListener,
) -> io::Result<LinkBuilder<Opened<StreamTransport<TcpStream>>>> {
    let (socket, peer) = listener.accept().await?;
    Ok(session::accept(transport(socket, peer)?))
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

fn transport(socket: TcpStream, peer: SocketAddr) -> io::Result<StreamTransport<TcpStream>> {
    // Small messages are already joined, so Nagle's algorithm only adds latency.
    socket.set_nodelay(true)?;
    Ok(StreamTransport::new(socket).with_peer_addr(peer))
}
