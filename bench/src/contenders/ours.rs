//! roam, as in this repository, over WebSocket.

use std::net::SocketAddr;

use bytes::Bytes;
use roam_core::net::websocket;
use roam_core::transport::{PACKED, Subprotocols};
use roam_core::{Config, Context, Rx, Tx, channel, service, tunnel::pump_read_to_tx};
use roam_ws_server::Server;
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;

use crate::contender::{
    Client, Contender, Error, Limits, OpenStreams, Result, UnreadStream, expect_unanswered,
};

/// roam with a task for every call.
#[derive(Debug)]
pub struct Ours;

/// roam with inline methods: handlers are polled in the driver first.
#[derive(Debug)]
pub struct OursInline;

/// roam on links that do not survive their sockets, as with peers that only know version 2 of its protocol.
#[derive(Debug)]
pub struct OursVersion2;

/// The benchmark service.
#[service]
trait Bench {
    /// Echoes `payload`.
    async fn echo(&self, payload: Bytes) -> Bytes;
    /// Echoes `payload`; polled inline first.
    #[roam(inline)]
    async fn echo_inline(&self, payload: Bytes) -> Bytes;
    /// Sends `count` numbers.
    async fn numbers(&self, count: u64, output: Tx<u64>);
    /// Counts the bytes received.
    async fn upload(&self, chunks: Rx<Bytes>) -> u64;
    /// Sends one number to show that the stream is open, then nothing until the reader closes it.
    async fn silence(&self, output: Tx<u64>);
}

#[derive(Clone, Debug)]
struct Handler;

impl Bench for Handler {
    async fn echo(&self, _: &Context, payload: Bytes) -> Bytes {
        payload
    }

    async fn echo_inline(&self, _: &Context, payload: Bytes) -> Bytes {
        payload
    }

    async fn numbers(&self, _: &Context, count: u64, output: Tx<u64>) {
        for number in 0..count {
            if output.send(number).await.is_err() {
                break;
            }
        }
    }

    async fn upload(&self, _: &Context, mut chunks: Rx<Bytes>) -> u64 {
        let mut received = 0;
        while let Ok(Some(chunk)) = chunks.recv().await {
            received += chunk.len() as u64;
        }
        received
    }

    async fn silence(&self, _: &Context, output: Tx<u64>) {
        if output.send(0).await.is_ok() {
            output.closed().await;
        }
    }
}

/// A link, shared by its callers.
#[derive(Clone, Debug)]
pub struct OursClient<const INLINE: bool>(BenchClient);

impl Contender for Ours {
    const NAME: &'static str = "roam";
    const MUST_PASS: bool = true;
    type Client = OursClient<false>;

    async fn serve(listener: TcpListener, limits: Limits) {
        serve(listener, limits).await;
    }

    async fn connect(server: SocketAddr, limits: Limits) -> Result<Self::Client> {
        connect(server, limits).await
    }
}

impl Contender for OursInline {
    const NAME: &'static str = "roam with inline methods";
    const MUST_PASS: bool = true;
    type Client = OursClient<true>;

    async fn serve(listener: TcpListener, limits: Limits) {
        serve(listener, limits).await;
    }

    async fn connect(server: SocketAddr, limits: Limits) -> Result<Self::Client> {
        connect(server, limits).await
    }
}

impl Contender for OursVersion2 {
    const NAME: &'static str = "roam without the link layer";
    const MUST_PASS: bool = true;
    type Client = OursClient<false>;

    async fn serve(listener: TcpListener, limits: Limits) {
        serve(listener, limits).await;
    }

    async fn connect(server: SocketAddr, limits: Limits) -> Result<Self::Client> {
        let url = format!("ws://{server}/");
        let link = websocket::connect(&url)
            .subprotocols(Subprotocols::OfferNone)
            .header("Sec-WebSocket-Protocol", PACKED)
            .config(config(limits, Config::client()))
            .await?;
        Ok(OursClient(BenchClient::new(link)))
    }
}

async fn serve(listener: TcpListener, limits: Limits) {
    Server::new(BenchDispatcher::new(Handler))
        .with_config(config(limits, Config::default()))
        .serve(listener)
        .await;
}

async fn connect<const INLINE: bool>(
    server: SocketAddr,
    limits: Limits,
) -> Result<OursClient<INLINE>> {
    let url = format!("ws://{server}/");
    let config = config(limits, Config::client());
    let link = websocket::connect(&url).config(config.clone()).await?;
    Ok(OursClient(BenchClient::new(link)))
}

fn config(limits: Limits, mut config: Config) -> Config {
    if limits == Limits::Raised {
        config.initial_channel_credit = 1 << 20;
        config.limits.calls = 16 * 1024;
        config.limits.sending_channels = 16 * 1024;
        config.limits.receive_budget = 64 << 30;
    }
    config
}

impl<const INLINE: bool> Client for OursClient<INLINE> {
    async fn echo(&self, payload: Bytes) -> Result<Bytes> {
        Ok(if INLINE {
            self.0.echo_inline(payload).await?
        } else {
            self.0.echo(payload).await?
        })
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
        let call = async { Ok(self.0.numbers(count, output).await?) };
        Ok(tokio::try_join!(call, receive)?.1)
    }

    async fn upload(&self, chunk: Bytes, count: usize) -> Result<u64> {
        let (output, chunks) = channel();
        let send = async {
            for _ in 0..count {
                output.send(chunk.clone()).await?;
            }
            drop(output);
            Ok::<_, Error>(())
        };
        let call = async { Ok(self.0.upload(chunks).await?) };
        Ok(tokio::try_join!(call, send)?.0)
    }

    async fn upload_bytes(&self, length: u64) -> Result<u64> {
        let (output, bytes) = channel();
        let source = tokio::io::repeat(7).take(length);
        let send = async { Ok::<_, Error>(pump_read_to_tx(source, output).await?) };
        let call = async { Ok(self.0.upload(bytes).await?) };
        Ok(tokio::try_join!(call, send)?.0)
    }

    async fn unread_stream(&self) -> Result<UnreadStream> {
        let (output, mut numbers) = channel();
        let call = tokio::spawn(self.0.numbers(u64::MAX, output).into_future());
        numbers.recv().await?;
        Ok(Box::new(move || expect_unanswered(&call, numbers)))
    }

    async fn open_streams(&self, count: usize) -> Result<OpenStreams> {
        let mut kept = Vec::with_capacity(count);
        for _ in 0..count {
            let (output, mut numbers) = channel();
            let call = tokio::spawn(self.0.silence(output).into_future());
            numbers.recv().await?;
            kept.push((call, numbers));
        }
        Ok(Box::new(kept))
    }
}
