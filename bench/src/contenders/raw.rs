//! A WebSocket without RPC, on tokio-tungstenite: what everybody else is measured against.
//!
//! A message is one of three: an echo, a request for a stream, or a chunk of an upload.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use futures::{FutureExt, SinkExt, StreamExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Mutex;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

use crate::contender::{Client, Contender, Limits, Result, expect_echo};

/// Flushes every message by itself: the limit of whoever sends a message a write.
#[derive(Debug)]
pub struct Raw;

/// Flushes when there is nothing more to be read: what coalescing alone is worth.
#[derive(Debug)]
pub struct Coalesced;

/// A raw socket, flushed as `FLUSH` says.
#[derive(Clone, Debug)]
pub struct RawClient<const EACH: bool>(Arc<Mutex<Socket<MaybeTlsStream<TcpStream>>>>);

type Socket<S> = WebSocketStream<S>;

const ECHO: u8 = 0;
const NUMBERS: u8 = 1;
const CHUNK: u8 = 2;
const LAST_CHUNK: u8 = 3;

impl Contender for Raw {
    const NAME: &'static str = "raw, a flush a message";
    const IS_OURS: bool = true;
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
    const IS_OURS: bool = true;
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

async fn serve<const EACH: bool>(listener: TcpListener) {
    while let Ok((socket, _)) = listener.accept().await {
        tokio::spawn(async move {
            socket.set_nodelay(true)?;
            let socket =
                tokio_tungstenite::accept_async_with_config(socket, Some(config())).await?;
            answer::<EACH>(socket).await
        });
    }
}

async fn connect<const EACH: bool>(server: SocketAddr) -> Result<RawClient<EACH>> {
    let url = format!("ws://{server}/");
    let (socket, _) =
        tokio_tungstenite::connect_async_with_config(url, Some(config()), true).await?;
    Ok(RawClient(Arc::new(Mutex::new(socket))))
}

async fn answer<const EACH: bool>(mut socket: Socket<TcpStream>) -> Result<()> {
    let mut uploaded = 0u64;
    while let Some(message) = next::<EACH, _>(&mut socket).await? {
        let mut rest = message.clone();
        match rest.get_u8() {
            ECHO => put::<EACH, _>(&mut socket, message).await?,
            NUMBERS => {
                for number in 0..rest.get_u64() {
                    put::<EACH, _>(&mut socket, number_message(number)).await?;
                }
            }
            CHUNK => uploaded += rest.len() as u64,
            _ => {
                put::<EACH, _>(&mut socket, number_message(uploaded)).await?;
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

/// The next message. Coalesced, what was put is flushed only when none is there.
async fn next<const EACH: bool, S>(socket: &mut Socket<S>) -> Result<Option<Bytes>>
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    let message = if EACH {
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

async fn put<const EACH: bool, S>(socket: &mut Socket<S>, message: Bytes) -> Result<()>
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    let message = Message::Binary(message);
    if EACH {
        socket.send(message).await?;
    } else {
        socket.feed(message).await?;
    }
    Ok(())
}

impl<const EACH: bool> Client for RawClient<EACH> {
    async fn echo(&self, payload: Bytes) -> Result<Bytes> {
        let mut socket = self.0.lock().await;
        put::<EACH, _>(&mut socket, tagged(ECHO, &payload)).await?;
        let mut answer = next::<EACH, _>(&mut socket).await?.ok_or("it was closed")?;
        answer.advance(1);
        Ok(answer)
    }

    /// One task, since there is nothing that could tell callers apart.
    async fn echo_many(&self, payload: Bytes, in_flight: usize, calls: usize) -> Result<()> {
        let mut socket = self.0.lock().await;
        let message = tagged(ECHO, &payload);
        for _ in 0..in_flight.min(calls) {
            put::<EACH, _>(&mut socket, message.clone()).await?;
        }
        for call in 0..calls {
            let answer = next::<EACH, _>(&mut socket).await?.ok_or("it was closed")?;
            expect_echo(&message, &answer)?;
            if call + in_flight < calls {
                put::<EACH, _>(&mut socket, message.clone()).await?;
            }
        }
        Ok(())
    }

    async fn numbers(&self, count: u64) -> Result<u64> {
        let mut socket = self.0.lock().await;
        put::<EACH, _>(&mut socket, number_message(count)).await?;
        for received in 0..count {
            if next::<EACH, _>(&mut socket).await?.is_none() {
                return Ok(received);
            }
        }
        Ok(count)
    }

    async fn upload(&self, chunk: Bytes, count: usize) -> Result<u64> {
        let mut socket = self.0.lock().await;
        for _ in 0..count {
            // A chunk a message costs its copy here as it does everywhere.
            put::<EACH, _>(&mut socket, tagged(CHUNK, &chunk)).await?;
        }
        put::<EACH, _>(&mut socket, tagged(LAST_CHUNK, &[])).await?;
        let mut answer = next::<EACH, _>(&mut socket).await?.ok_or("it was closed")?;
        answer.advance(1);
        Ok(answer.get_u64())
    }
}
