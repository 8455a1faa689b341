//! Links over TCP.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::net::{TcpListener, TcpStream, ToSocketAddrs};

use super::{StreamTransport, opened};
use crate::proto::Config;
use crate::rt::{MaybeSend, MaybeSync};
use crate::session::{
    self, AbortOnDrop, ConnectError, Dial, LinkBuilder, Opened, Tunnel, tunnel_stream,
};

/// Connects to a peer, at most for the handshake timeout, and opens a link.
///
/// The link survives its sockets. If the peer only knows version 2 of the protocol, it is connected to once more
/// for that, and the link ends with its socket.
///
/// ```no_run
/// # async fn example() -> Result<(), roam_core::ConnectError> {
/// use roam_core::net::stream::tcp;
///
/// let server = tcp::connect("localhost:9000").await?;
/// # Ok(()) }
/// ```
pub fn connect<A: ToSocketAddrs>(address: A) -> LinkBuilder<Dialer<A>> {
    LinkBuilder::connect(Dialer::new(address))
}

/// Opens TCP sockets to an address.
#[derive(Clone, Debug)]
pub struct Dialer<A> {
    address: A,
    version_2: bool,
}

impl<A> Dialer<A> {
    /// Creates a dialer that finds out whether the peer only knows version 2 of the protocol.
    /// [`fall_back`](Dial::fall_back) tells it.
    pub fn new(address: A) -> Self {
        Self {
            address,
            version_2: false,
        }
    }
}

impl<A> Dial for Dialer<A>
where
    A: ToSocketAddrs<Future: Send> + Clone + MaybeSend + MaybeSync + 'static,
{
    type Transport = StreamTransport<TcpStream>;

    async fn dial(&mut self, config: &Config) -> Result<Self::Transport, ConnectError> {
        let connecting = async {
            let socket = TcpStream::connect(self.address.clone()).await?;
            let peer = prepare(&socket)?;
            let transport = StreamTransport::dialed(socket, config, self.version_2);
            Ok(transport.with_peer_addr(peer))
        };
        opened(connecting, config).await
    }

    fn fall_back(&mut self) -> bool {
        !std::mem::replace(&mut self.version_2, true)
    }
}

/// Waits for a peer to connect. The link ends with its socket: one that shall survive it comes from
/// [`adopt`] and a [`server::Acceptor`](crate::server::Acceptor).
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
    let (socket, _) = listener.accept().await?;
    Ok(session::accept(adopt(socket)?))
}

/// Takes over a socket, of which nothing was read or written: sets its options, and asks the system to notice a
/// peer that is gone. For that, the system probes a peer that was silent for 15 seconds, every 5 seconds, and
/// closes the socket when 3 probes were not answered.
///
/// An [`Acceptor`](crate::server::Acceptor) keeps the links of such sockets while they have none:
///
/// ```no_run
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use roam_core::net::stream::tcp;
/// use roam_core::server::{Accepted, Acceptor};
/// use roam_core::{Config, NoDispatcher};
///
/// let acceptor = Acceptor::new(Config::default());
/// let listener = tokio::net::TcpListener::bind("127.0.0.1:9000").await?;
/// loop {
///     let socket = tcp::adopt(listener.accept().await?.0)?;
///     let acceptor = acceptor.clone();
///     tokio::spawn(async move {
///         let incoming = acceptor.receive(socket).await.ok()?;
///         if let Accepted::New(link) = incoming.accept().ok()? {
///             let (_, driver) = link.dispatcher(NoDispatcher).drive();
///             driver.await;
///         }
///         Some(())
///     });
/// }
/// # }
/// ```
///
/// # Errors
/// When the socket is closed already.
pub fn adopt(socket: TcpStream) -> io::Result<StreamTransport<TcpStream>> {
    let peer = prepare(&socket)?;
    Ok(StreamTransport::new(socket).with_peer_addr(peer))
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

/// How long a peer is silent before the system probes it, how often it does, and how many probes may remain
/// unanswered: a peer that is gone is noticed after the same 30 seconds as by the heartbeat of a link.
const KEEPALIVE_AFTER: Duration = Duration::from_secs(15);
const KEEPALIVE_EVERY: Duration = Duration::from_secs(5);
const KEEPALIVE_PROBES: u32 = 3;

/// Sets the options of a socket. Returns the address of its peer.
fn prepare(socket: &TcpStream) -> io::Result<SocketAddr> {
    // Small messages are already joined, so Nagle's algorithm only adds latency.
    socket.set_nodelay(true)?;
    let keepalive = TcpKeepalive::new()
        .with_time(KEEPALIVE_AFTER)
        .with_interval(KEEPALIVE_EVERY)
        .with_retries(KEEPALIVE_PROBES);
    SockRef::from(socket).set_tcp_keepalive(&keepalive)?;
    socket.peer_addr()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_system_probes_silent_peers_of_both_ends() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut dialer = Dialer::new(listener.local_addr().unwrap());
        let config = Config::default();
        let (ours, accepted) = tokio::join!(dialer.dial(&config), listener.accept());
        for transport in [ours.unwrap(), adopt(accepted.unwrap().0).unwrap()] {
            let socket = SockRef::from(&transport.stream);
            assert!(socket.keepalive().unwrap());
            assert_eq!(socket.tcp_keepalive_time().unwrap(), KEEPALIVE_AFTER);
            assert_eq!(socket.tcp_keepalive_interval().unwrap(), KEEPALIVE_EVERY);
            assert_eq!(socket.tcp_keepalive_retries().unwrap(), KEEPALIVE_PROBES);
        }
    }
}
