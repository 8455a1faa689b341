//! Tunnels: byte streams through a link between two sockets, in memory and over real TCP.
#![cfg(feature = "stream")]

use std::io::{self, ErrorKind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt;
use futures::channel::mpsc;
use futures::future::RemoteHandle;
use roam_core::net::stream::tcp;
use roam_core::proto::Framing;
use roam_core::transport::memory_pair;
use roam_core::{
    CloseReason, Config, ConnectionHandle, Context, NoDispatcher, RecvError, SendError, accept,
    channel, connect, rt, service,
    tunnel::{Tunnel, pump_read_to_tx, pump_rx_to_write, tunnel_pair, tunnel_stream},
};
use tokio::io::{
    AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufStream, DuplexStream, duplex,
};
use tokio::net::{TcpListener, TcpStream};

use super::harness::{Events, Seen, events, link, start};

runs! {
    bytes_flow_both_ways_in_memory
    bytes_flow_both_ways_over_tcp
    directions_end_independently_in_memory
    directions_end_independently_over_tcp
    tunnel_can_be_a_result
    reset_sender_resets_the_socket
    dropped_receiver_resets_the_socket
    reset_socket_resets_the_tunnel
    lost_link_resets_both_sockets
    dropped_tunnel_is_reset
    unpolled_tunnel_is_reset_when_dropped
    buffered_writer_is_flushed
    elements_are_at_most_16_kib
    errors_contain_their_cause
}

runs_with_paused_clock! {
    slow_reader_stops_the_writer
    reset_is_seen_while_nothing_is_read
}

/// A byte stream to join with a tunnel.
trait Socket: AsyncRead + AsyncWrite + Unpin + Send + Sized + 'static {
    /// Returns two connected sockets.
    fn pair() -> impl Future<Output = (Self, Self)> + Send;

    fn join(self, tunnel: Tunnel) -> impl Future<Output = io::Result<()>> + Send;
}

impl Socket for DuplexStream {
    async fn pair() -> (Self, Self) {
        duplex(1_000)
    }

    fn join(self, tunnel: Tunnel) -> impl Future<Output = io::Result<()>> + Send {
        tunnel_stream(self, tunnel)
    }
}

impl Socket for TcpStream {
    async fn pair() -> (Self, Self) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let connected = Self::connect(listener.local_addr().unwrap());
        let (connected, accepted) = tokio::join!(connected, listener.accept());
        (connected.unwrap(), accepted.unwrap().0)
    }

    fn join(self, tunnel: Tunnel) -> impl Future<Output = io::Result<()>> + Send {
        tcp::tunnel(self, tunnel)
    }
}

#[service]
trait Exit {
    /// Joins a tunnel to this peer's socket until the tunnel ends.
    async fn join(&self, tunnel: Tunnel);
    /// Opens a tunnel to this peer's socket.
    async fn open(&self) -> Tunnel;
}

/// How one side of a tunnel ended: cleanly, or with an error of this kind.
type Ended = Option<ErrorKind>;

fn ended(result: &io::Result<()>) -> Ended {
    result.as_ref().err().map(io::Error::kind)
}

struct Handler<S> {
    socket: Mutex<Option<S>>,
    ended: Events<Ended>,
}

impl<S: Socket> Exit for Handler<S> {
    async fn join(&self, _: &Context, tunnel: Tunnel) {
        let socket = self.socket.lock().unwrap().take().unwrap();
        self.ended.tell(ended(&socket.join(tunnel).await));
    }

    async fn open(&self, _: &Context) -> Tunnel {
        let socket = self.socket.lock().unwrap().take().unwrap();
        let (ours, theirs) = tunnel_pair();
        let ended_with = self.ended.clone();
        rt::spawn(async move { ended_with.tell(ended(&socket.join(ours).await)) });
        theirs
    }
}

/// Two sockets with a tunnel between them: `near` – link – `far`.
struct Tunnelled<S> {
    near: S,
    far: S,
    near_end: RemoteHandle<Ended>,
    far_end: Seen<Ended>,
    server_driver: RemoteHandle<CloseReason>,
    /// The call, which lasts as long as the far side of the tunnel.
    _join: RemoteHandle<()>,
}

async fn tunnelled<S: Socket>() -> Tunnelled<S> {
    tunnelled_with(&Config::default()).await
}

async fn tunnelled_with<S: Socket>(config: &Config) -> Tunnelled<S> {
    let ((near, entry), (exit, far)) = (S::pair().await, S::pair().await);
    let (client, server_driver, far_end) = exit_to(exit, config);
    let (ours, theirs) = tunnel_pair();
    let join = ExitClient::new(client).join(theirs);
    Tunnelled {
        near,
        far,
        near_end: start(async move { ended(&entry.join(ours).await) }),
        far_end,
        server_driver,
        _join: start(async move { drop(join.await) }),
    }
}

fn exit_to<S: Socket>(
    socket: S,
    config: &Config,
) -> (ConnectionHandle, RemoteHandle<CloseReason>, Seen<Ended>) {
    let (ended, far_end) = events();
    let socket = Mutex::new(Some(socket));
    let dispatcher = ExitDispatcher::new(Handler { socket, ended });
    let (ours, theirs) = memory_pair(Framing::Packed);
    let (client, driver) = connect(ours).config(config.clone()).drive();
    rt::spawn(async { drop(driver.await) });
    let (_, driver) = accept(theirs)
        .dispatcher(dispatcher)
        .config(config.clone())
        .drive();
    (client, start(driver), far_end)
}

/// Returns more bytes than all windows and buffers on the way hold.
fn many_bytes() -> Vec<u8> {
    (0..2_000_000_u32).map(|n| (n % 251) as u8).collect()
}

async fn bytes_flow_both_ways<S: Socket>() {
    let mut peers = tunnelled::<S>().await;
    let (mut reading, mut writing) = tokio::io::split(peers.far);
    rt::spawn(async move {
        tokio::io::copy(&mut reading, &mut writing).await.unwrap();
        writing.shutdown().await.unwrap();
    });
    let (mut reading, mut writing) = tokio::io::split(peers.near);
    rt::spawn(async move {
        writing.write_all(&many_bytes()).await.unwrap();
        writing.shutdown().await.unwrap();
    });
    let mut echoed = Vec::new();
    reading.read_to_end(&mut echoed).await.unwrap();
    assert!(echoed == many_bytes());
    assert_eq!(peers.near_end.await, None);
    peers.far_end.expect(None).await;
}

async fn bytes_flow_both_ways_in_memory() {
    bytes_flow_both_ways::<DuplexStream>().await;
}

async fn bytes_flow_both_ways_over_tcp() {
    bytes_flow_both_ways::<TcpStream>().await;
}

/// Writes to one socket, shuts it down, and reads to the end of the other.
async fn say<S: Socket>(said: &str, from: &mut S, to: &mut S) {
    from.write_all(said.as_bytes()).await.unwrap();
    from.shutdown().await.unwrap();
    let mut heard = String::new();
    to.read_to_string(&mut heard).await.unwrap();
    assert_eq!(heard, said);
}

async fn directions_end_independently<S: Socket>() {
    for near_first in [true, false] {
        let mut peers = tunnelled::<S>().await;
        let (near, far) = (&mut peers.near, &mut peers.far);
        let (first, second) = if near_first { (near, far) } else { (far, near) };
        say("the first direction", first, second).await;
        say("the second direction", second, first).await;
        assert_eq!(peers.near_end.await, None);
        peers.far_end.expect(None).await;
    }
}

async fn directions_end_independently_in_memory() {
    directions_end_independently::<DuplexStream>().await;
}

async fn directions_end_independently_over_tcp() {
    directions_end_independently::<TcpStream>().await;
}

async fn tunnel_can_be_a_result() {
    let (exit, mut far) = TcpStream::pair().await;
    let (client, _driver, mut far_end) = exit_to(exit, &Config::default());
    let mut tunnel = ExitClient::new(client).open().await.unwrap();
    tunnel.tx.send(Bytes::from("hello")).await.unwrap();
    tunnel.tx.close();
    let mut heard = String::new();
    far.read_to_string(&mut heard).await.unwrap();
    assert_eq!(heard, "hello");
    far.write_all(b"goodbye").await.unwrap();
    far.shutdown().await.unwrap();
    let mut answer = Vec::new();
    while let Some(chunk) = tunnel.rx.recv().await.unwrap() {
        answer.extend_from_slice(&chunk);
    }
    assert_eq!(answer, b"goodbye");
    far_end.expect(None).await;
}

/// Expects a socket's peer to reset it, with nothing to read before.
async fn expect_reset(socket: &mut TcpStream) {
    let read = socket.read(&mut [0; 100]).await;
    assert_eq!(read.unwrap_err().kind(), ErrorKind::ConnectionReset);
}

#[service]
trait Hand {
    async fn over(&self, tunnel: Tunnel);
}

struct Taker(mpsc::UnboundedSender<Tunnel>);

impl Hand for Taker {
    async fn over(&self, _: &Context, tunnel: Tunnel) {
        self.0.unbounded_send(tunnel).unwrap();
    }
}

/// Opens a tunnel from a socket through a link to the test itself.
async fn tunnel_to_here() -> (TcpStream, RemoteHandle<Ended>, Tunnel) {
    let (near, entry) = TcpStream::pair().await;
    let (taken, mut here) = mpsc::unbounded();
    let (client, _) = link(NoDispatcher, HandDispatcher::new(Taker(taken)));
    let (ours, theirs) = tunnel_pair();
    HandClient::new(client).over(theirs).await.unwrap();
    let near_end = start(async move { ended(&entry.join(ours).await) });
    (near, near_end, here.next().await.unwrap())
}

async fn reset_sender_resets_the_socket() {
    let (mut near, near_end, mut here) = tunnel_to_here().await;
    here.tx.reset();
    assert_eq!(near_end.await, Some(ErrorKind::ConnectionReset));
    expect_reset(&mut near).await;
    assert!(matches!(here.rx.recv().await, Err(RecvError::Reset)));
}

async fn dropped_receiver_resets_the_socket() {
    let (mut near, near_end, here) = tunnel_to_here().await;
    drop(here.rx);
    assert_eq!(near_end.await, Some(ErrorKind::ConnectionReset));
    expect_reset(&mut near).await;
    assert!(matches!(here.tx.closed().await, SendError::Reset));
}

async fn reset_socket_resets_the_tunnel() {
    let mut peers = tunnelled::<TcpStream>().await;
    peers.near.set_zero_linger().unwrap();
    drop(peers.near);
    assert_eq!(peers.near_end.await, Some(ErrorKind::ConnectionReset));
    peers.far_end.expect(Some(ErrorKind::ConnectionReset)).await;
    expect_reset(&mut peers.far).await;
}

async fn lost_link_resets_both_sockets() {
    let mut peers = tunnelled::<TcpStream>().await;
    // Both sides are joined once a byte has come through.
    peers.near.write_all(b"x").await.unwrap();
    assert_eq!(peers.far.read_u8().await.unwrap(), b'x');
    drop(peers.server_driver);
    assert_eq!(peers.near_end.await, Some(ErrorKind::ConnectionAborted));
    expect_reset(&mut peers.near).await;
    expect_reset(&mut peers.far).await;
}

async fn dropped_tunnel_is_reset() {
    let mut peers = tunnelled::<TcpStream>().await;
    peers.near.write_all(b"x").await.unwrap();
    assert_eq!(peers.far.read_u8().await.unwrap(), b'x');
    drop(peers.near_end);
    peers.far_end.expect(Some(ErrorKind::ConnectionReset)).await;
    expect_reset(&mut peers.near).await;
    expect_reset(&mut peers.far).await;
}

async fn unpolled_tunnel_is_reset_when_dropped() {
    let (mut near, entry) = TcpStream::pair().await;
    let (ours, mut theirs) = tunnel_pair();
    drop(entry.join(ours));
    assert!(matches!(theirs.rx.recv().await, Err(RecvError::Reset)));
    expect_reset(&mut near).await;
    let (_near, entry) = DuplexStream::pair().await;
    let (ours, mut theirs) = tunnel_pair();
    drop(tunnel_stream(entry, ours));
    assert!(matches!(theirs.rx.recv().await, Err(RecvError::Reset)));
}

async fn buffered_writer_is_flushed() {
    let (ours, theirs) = tunnel_pair();
    let (exit, mut far) = duplex(1_000);
    let _far_end = start(tunnel_stream(BufStream::new(exit), theirs));
    ours.tx.send(Bytes::from("x")).await.unwrap();
    assert_eq!(far.read_u8().await.unwrap(), b'x');
}

async fn elements_are_at_most_16_kib() {
    let (tx, mut rx) = channel();
    let sending = start(async move { pump_read_to_tx(&many_bytes()[..], tx).await });
    let mut all = Vec::new();
    while let Some(element) = rx.recv().await.unwrap() {
        assert!(!element.is_empty() && element.len() <= 16 * 1024);
        all.extend_from_slice(&element);
    }
    assert!(all == many_bytes());
    sending.await.unwrap();
}

async fn errors_contain_their_cause() {
    let (tx, rx) = channel();
    tx.reset();
    let error = pump_rx_to_write(rx, tokio::io::sink()).await.unwrap_err();
    let cause = error.get_ref().unwrap().downcast_ref();
    assert!(matches!(cause, Some(RecvError::Reset)), "{error:?}");

    let (tx, rx) = channel();
    drop(rx);
    let error = pump_read_to_tx(tokio::io::empty(), tx).await;
    assert!(error.is_ok(), "there was nothing to send");
    let (tx, rx) = channel();
    drop(rx);
    let error = pump_read_to_tx(&[7][..], tx).await.unwrap_err();
    let cause = error.get_ref().unwrap().downcast_ref();
    assert!(matches!(cause, Some(SendError::Reset)), "{error:?}");
}

async fn slow_reader_stops_the_writer() {
    const WINDOW: usize = 10_000;
    let config = Config::default().with_initial_channel_credit(WINDOW.try_into().unwrap());
    let mut peers = tunnelled_with::<DuplexStream>(&config).await;
    let written = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&written);
    let _writing = start(async move {
        for byte in many_bytes() {
            peers.near.write_u8(byte).await.unwrap();
            count.fetch_add(1, Ordering::Relaxed);
        }
    });
    let sent = many_bytes();
    let mut read = 0;
    while read < 100_000 {
        // When the paused clock advances, everything that can be written has been written.
        rt::sleep(Duration::from_millis(1)).await;
        let ahead = written.load(Ordering::Relaxed) - read;
        // The window, one element held at either side, and the sockets' own buffers.
        let most = WINDOW + 2 * (WINDOW / 2) + 2 * 1_000;
        assert!((WINDOW / 2..=most).contains(&ahead), "{ahead}");
        let mut bytes = [0; 5_000];
        let len = peers.far.read(&mut bytes).await.unwrap();
        assert!(sent[read..].starts_with(&bytes[..len]));
        read += len;
    }
}

async fn reset_is_seen_while_nothing_is_read() {
    let mut peers = tunnelled::<DuplexStream>().await;
    // The far side now waits only for its socket to be read.
    peers.far.shutdown().await.unwrap();
    assert_eq!(peers.near.read(&mut [0]).await.unwrap(), 0);
    let _writing = start(async move {
        peers.near.write_all(&many_bytes()).await.unwrap();
        peers.near
    });
    rt::sleep(Duration::from_millis(1)).await;
    peers.far_end.expect_nothing();
    drop(peers.near_end);
    peers.far_end.expect(Some(ErrorKind::ConnectionReset)).await;
}
