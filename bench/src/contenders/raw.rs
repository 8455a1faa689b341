//! A tokio-tungstenite WebSocket without RPC, the baseline of the comparison.
//!
//! A message is an echo, a request for a stream, or a chunk of an upload.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use futures::{FutureExt, SinkExt, StreamExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Mutex;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

use crate::contender::{Client, Contender, Limits, Result, expect_echo, unsupported};

/// Flushes every message: the limit of libraries that write each message separately.
#[derive(Debug)]
pub struct Raw;

/// Flushes when nothing more can be read: shows the effect of coalescing alone.
#[derive(Debug)]
pub struct Coalesced;

/// A raw socket that flushes every message if `FLUSH_EACH` is set, and coalesces otherwise.
#[derive(Clone, Debug)]
pub struct RawClient<const FLUSH_EACH: bool>(Arc<Mutex<Socket<MaybeTlsStream<TcpStream>>>>);

type Socket<S> = WebSocketStream<S>;

const ECHO: u8 = 0;
const NUMBERS: u8 = 1;
const CHUNK: u8 = 2;
const LAST_CHUNK: u8 = 3;

impl Contender for Raw {
    const NAME: &'static str = "raw, flush per message";
    const MUST_PASS: bool = true;
    type Client = RawClient<true>;

    async fn serve(listener: TcpListener, _: Limits) {
        serve::<true>(listener).await;
    }

    async fn connect(server: SocketAddr, _: Limits) -> Result<Self::Client> {
        connect(server).await
    }
}

impl Contender for Coalesced {
    const NAME: &'static str = "raw, coalesced";
    const MUST_PASS: bool = true;
    type Client = RawClient<false>;

    async fn serve(listener: TcpListener, _: Limits) {
        serve::<false>(listener).await;
    }

    async fn connect(server: SocketAddr, _: Limits) -> Result<Self::Client> {
        connect(server).await
    }
}

fn config() -> WebSocketConfig {
    WebSocketConfig::default().read_buffer_size(4 * 1024)
}

async fn serve<const FLUSH_EACH: bool>(listener: TcpListener) {
    while let Ok((socket, _)) = listener.accept().await {
        tokio::spawn(async move {
            socket.set_nodelay(true)?;
            let socket =
                tokio_tungstenite::accept_async_with_config(socket, Some(config())).await?;
            answer::<FLUSH_EACH>(socket).await
        });
    }
}

async fn connect<const FLUSH_EACH: bool>(server: SocketAddr) -> Result<RawClient<FLUSH_EACH>> {
    let url = format!("ws://{server}/");
    let (socket, _) =
        tokio_tungstenite::connect_async_with_config(url, Some(config()), true).await?;
    Ok(RawClient(Arc::new(Mutex::new(socket))))
}

async fn answer<const FLUSH_EACH: bool>(mut socket: Socket<TcpStream>) -> Result<()> {
    let mut uploaded = 0u64;
    while let Some(message) = next::<FLUSH_EACH, _>(&mut socket).await? {
        let mut rest = message.clone();
        match rest.get_u8() {
            ECHO => put::<FLUSH_EACH, _>(&mut socket, message).await?,
            NUMBERS => {
                for number in 0..rest.get_u64() {
                    put::<FLUSH_EACH, _>(&mut socket, number_message(number)).await?;
                }
            }
            CHUNK => uploaded += rest.len() as u64,
            _ => {
                put::<FLUSH_EACH, _>(&mut socket, number_message(uploaded)).await?;
                uploaded = 0;
            }
        }
    }
    Ok(())
}

fn number_message(number: u64) -> Bytes {
    tagged(NUMBERS, &number.to_be_bytes())
}

fn tagged(tag: u8, payload: &[u8]) -> Bytes {
    let mut message = BytesMut::with_capacity(1 + payload.len());
    message.put_u8(tag);
    message.put_slice(payload);
    message.freeze()
}

/// Returns the next message. Coalescing sockets flush first if no message is ready.
async fn next<const FLUSH_EACH: bool, S>(socket: &mut Socket<S>) -> Result<Option<Bytes>>
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    let message = if FLUSH_EACH {
        socket.next().await
    } else if let Some(message) = socket.next().now_or_never() {
        message
    } else {
        socket.flush().await?;
        socket.next().await
    };
    Ok(match message {
        Some(Ok(Message::Binary(message))) => Some(message),
        Some(Err(error)) => return Err(error.into()),
        _ => None,
    })
}

async fn put<const FLUSH_EACH: bool, S>(socket: &mut Socket<S>, message: Bytes) -> Result<()>
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    let message = Message::Binary(message);
    if FLUSH_EACH {
        socket.send(message).await?;
    } else {
        socket.feed(message).await?;
    }
    Ok(())
}

impl<const FLUSH_EACH: bool> Client for RawClient<FLUSH_EACH> {
    async fn echo(&self, payload: Bytes) -> Result<Bytes> {
        let mut socket = self.0.lock().await;
        put::<FLUSH_EACH, _>(&mut socket, tagged(ECHO, &payload)).await?;
        let mut answer = next::<FLUSH_EACH, _>(&mut socket)
            .await?
            .ok_or("the socket was closed")?;
        answer.advance(1);
        Ok(answer)
    }

    /// Uses one task, because responses do not identify their callers.
    async fn echo_many(&self, payload: Bytes, in_flight: usize, calls: usize) -> Result<()> {
        let mut socket = self.0.lock().await;
        let message = tagged(ECHO, &payload);
        for _ in 0..in_flight.min(calls) {
            put::<FLUSH_EACH, _>(&mut socket, message.clone()).await?;
        }
        for call in 0..calls {
            let answer = next::<FLUSH_EACH, _>(&mut socket)
                .await?
                .ok_or("the socket was closed")?;
            expect_echo(&message, &answer)?;
            if call + in_flight < calls {
                put::<FLUSH_EACH, _>(&mut socket, message.clone()).await?;
            }
        }
        Ok(())
    }

    async fn numbers(&self, count: u64) -> Result<u64> {
        if count == u64::MAX {
            return unsupported("no streams beside calls");
        }
        let mut socket = self.0.lock().await;
        put::<FLUSH_EACH, _>(&mut socket, number_message(count)).await?;
        for received in 0..count {
            if next::<FLUSH_EACH, _>(&mut socket).await?.is_none() {
                return Ok(received);
            }
        }
        Ok(count)
    }

    async fn upload(&self, chunk: Bytes, count: usize) -> Result<u64> {
        let mut socket = self.0.lock().await;
        for _ in 0..count {
            // Copies each chunk into its message, as the other contenders do.
            put::<FLUSH_EACH, _>(&mut socket, tagged(CHUNK, &chunk)).await?;
        }
        put::<FLUSH_EACH, _>(&mut socket, tagged(LAST_CHUNK, &[])).await?;
        let mut answer = next::<FLUSH_EACH, _>(&mut socket)
            .await?
            .ok_or("the socket was closed")?;
        answer.advance(1);
        Ok(answer.get_u64())
    }
}
