//! The published roam crates, over WebSocket.

use std::future::pending;
use std::net::SocketAddr;

use bytes::Bytes;
use published_tungstenite::{accept_async, client_async};
use roam::{Context, Rx, Tx, channel, service};
use roam_session::{
    ConnectionHandle, HandshakeConfig, NoDispatcher, accept_framed, initiate_framed,
};
use roam_websocket::WsTransport;
use tokio::net::{TcpListener, TcpStream};

use crate::contender::{
    Client, Contender, Error, Limits, OpenStreams, Result, UnreadStream, expect_unanswered,
};

/// roam 0.6.0: a task for every call, a flush for every message.
#[derive(Debug)]
pub struct Published;

/// The benchmark service.
#[service]
trait Bench {
    /// Echoes `payload`.
    async fn echo(&self, payload: Vec<u8>) -> Vec<u8>;
    /// Sends `count` numbers.
    async fn numbers(&self, count: u64, output: Tx<u64>);
    /// Counts the bytes received.
    async fn upload(&self, chunks: Rx<Vec<u8>>) -> u64;
    /// Sends one number to show that the stream is open, then nothing, forever.
    async fn silence(&self, output: Tx<u64>);
}

#[derive(Clone)]
struct Handler;

impl Bench for Handler {
    async fn echo(&self, _: &Context, payload: Vec<u8>) -> Vec<u8> {
        payload
    }

    async fn numbers(&self, _: &Context, count: u64, output: Tx<u64>) {
        for number in 0..count {
            if output.send(&number).await.is_err() {
                break;
            }
        }
    }

    async fn upload(&self, _: &Context, mut chunks: Rx<Vec<u8>>) -> u64 {
        let mut received = 0;
        while let Ok(Some(chunk)) = chunks.recv().await {
            received += chunk.len() as u64;
        }
        received
    }

    async fn silence(&self, _: &Context, output: Tx<u64>) {
        if output.send(&0).await.is_ok() {
            pending::<()>().await;
        }
    }
}

/// A link, shared by its callers.
#[derive(Clone)]
pub struct PublishedClient {
    bench: BenchClient<ConnectionHandle>,
    credit: u64,
}

impl Contender for Published {
    const NAME: &'static str = "roam 0.6.0";
    type Client = PublishedClient;

    async fn serve(listener: TcpListener, limits: Limits) {
        while let Ok((socket, _)) = listener.accept().await {
            tokio::spawn(answer(socket, limits));
        }
    }

    async fn connect(server: SocketAddr, limits: Limits) -> Result<Self::Client> {
        let socket = TcpStream::connect(server).await?;
        socket.set_nodelay(true)?;
        let (socket, _) = client_async(format!("ws://{server}/"), socket).await?;
        let transport = WsTransport::new(socket);
        let config = config(limits);
        let credit = config.initial_channel_credit.into();
        let (link, _, driver) = initiate_framed(transport, config, NoDispatcher).await?;
        tokio::spawn(driver.run());
        let bench = BenchClient::new(link);
        Ok(PublishedClient { bench, credit })
    }
}

async fn answer(socket: TcpStream, limits: Limits) -> Result<()> {
    socket.set_nodelay(true)?;
    let transport = WsTransport::new(accept_async(socket).await?);
    let dispatcher = BenchDispatcher::new(Handler);
    let (_link, _, driver) = accept_framed(transport, config(limits), dispatcher).await?;
    Ok(driver.run().await?)
}

/// Returns the configuration. It has no limit for calls in flight.
fn config(limits: Limits) -> HandshakeConfig {
    let mut config = HandshakeConfig::default();
    if limits == Limits::Raised {
        config.initial_channel_credit = 1 << 20;
    }
    config
}

impl PublishedClient {
    /// Explains the failure of a stream longer than the initial credit. This version never grants
    /// more credit and its senders do not wait for any; a receiver that gets more ends the link.
    fn explain_stream_error(&self, bytes: u64, error: Error) -> Error {
        if bytes <= self.credit {
            return error;
        }
        let credit = self.credit / 1024;
        format!("{error}; the stream is longer than its only credit, {credit} KiB").into()
    }
}

impl Client for PublishedClient {
    async fn echo(&self, payload: Bytes) -> Result<Bytes> {
        Ok(self.bench.echo(payload.to_vec()).await?.into())
    }

    async fn numbers(&self, count: u64) -> Result<u64> {
        let (output, mut numbers) = channel();
        let receive = async {
            let mut received = 0;
            while numbers.recv().await?.is_some() {
                received += 1;
            }
            Ok::<_, Error>(received)
        };
        let call = async { Ok(self.bench.numbers(count, output).await?) };
        let ended = tokio::try_join!(call, receive);
        // A number takes at least one byte.
        Ok(ended
            .map_err(|error| self.explain_stream_error(count, error))?
            .1)
    }

    async fn upload(&self, chunk: Bytes, count: usize) -> Result<u64> {
        let (output, chunks) = channel();
        let send = async {
            for _ in 0..count {
                output.send(&chunk.to_vec()).await?;
            }
            drop(output);
            Ok::<_, Error>(())
        };
        let call = async { Ok(self.bench.upload(chunks).await?) };
        let ended = tokio::try_join!(call, send);
        let length = (chunk.len() * count) as u64;
        Ok(ended
            .map_err(|error| self.explain_stream_error(length, error))?
            .0)
    }

    async fn unread_stream(&self) -> Result<UnreadStream> {
        let (output, mut numbers) = channel();
        let link = self.bench.clone();
        let call = tokio::spawn(async move { link.numbers(u64::MAX, output).await });
        numbers.recv().await?;
        Ok(Box::new(move || expect_unanswered(&call, numbers)))
    }

    async fn open_streams(&self, count: usize) -> Result<OpenStreams> {
        let mut kept = Vec::with_capacity(count);
        for _ in 0..count {
            let (output, mut numbers) = channel();
            let link = self.bench.clone();
            let call = tokio::spawn(async move { link.silence(output).await });
            numbers.recv().await?;
            kept.push((call, numbers));
        }
        Ok(Box::new(kept))
    }
}
