//! vox, the successor of the published roam, over WebSocket.

use std::future::pending;
use std::net::SocketAddr;

use bytes::Bytes;
use futures::FutureExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use vox::transport::websocket::WsLink;
use vox::{ConnectionSettings, Metadata, Parity, Rx, Tx, channel, service};
use vox_tungstenite::client_async;

// Without `Result`: the code that `#[service]` generates needs that of the standard library.
use crate::contender::{
    self, Client, Contender, Error, Limits, OpenStreams, UnreadStream, expect_unanswered,
};

/// vox with one lane per link.
#[derive(Debug)]
pub struct Vox;

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
    async fn echo(&self, payload: Vec<u8>) -> Vec<u8> {
        payload
    }

    async fn numbers(&self, count: u64, output: Tx<u64>) {
        for number in 0..count {
            if output.send(number).await.is_err() {
                return;
            }
        }
        // If dropped instead, it could be closed after the response, which resets it.
        let _ = output.close(Metadata::default()).await;
    }

    async fn upload(&self, mut chunks: Rx<Vec<u8>>) -> u64 {
        let mut received = 0;
        while let Ok(Some(chunk)) = chunks.recv().await {
            received += chunk.get().len() as u64;
        }
        received
    }

    async fn silence(&self, output: Tx<u64>) {
        if output.send(0).await.is_ok() {
            pending::<()>().await;
        }
    }
}

/// A link, shared by its callers.
#[derive(Clone)]
pub struct VoxClient(BenchClient);

impl Contender for Vox {
    const NAME: &'static str = "vox 0.10.0-rc.5";
    type Client = VoxClient;

    /// Ignores the limits: the client sets them when it opens the lane.
    async fn serve(listener: TcpListener, _: Limits) {
        while let Ok((socket, _)) = listener.accept().await {
            tokio::spawn(answer(socket));
        }
    }

    async fn connect(server: SocketAddr, limits: Limits) -> contender::Result<Self::Client> {
        let socket = TcpStream::connect(server).await?;
        socket.set_nodelay(true)?;
        let (socket, _) = client_async(format!("ws://{server}/"), socket).await?;
        let link = vox::initiator_on(WsLink::new(socket))
            .establish_connection()
            .await?;
        let lane = match limits {
            Limits::Default => link.open_lane().await?,
            Limits::Raised => link.open_lane_with_settings(raised()).await?,
        };
        Ok(VoxClient(lane))
    }
}

async fn answer(socket: TcpStream) -> contender::Result<()> {
    socket.set_nodelay(true)?;
    let link = vox::acceptor_on(WsLink::server(socket).await?)
        .on_lane(BenchDispatcher::new(Handler))
        .establish_connection()
        .await?;
    link.closed().await;
    Ok(())
}

fn raised() -> ConnectionSettings {
    ConnectionSettings {
        parity: Parity::Odd,
        max_concurrent_requests: 16 * 1024,
        // Counted in items: 16 chunks of 64 KiB are 1 MiB. This is also the default.
        initial_channel_credit: 16,
    }
}

/// Polls a call once before spawning it. A receiver that is bound on another thread just when its
/// reader starts to wait does not wake the reader.
fn poll_then_spawn<T: Send + 'static>(
    call: impl Future<Output = T> + Send + 'static,
) -> JoinHandle<()> {
    let mut call = Box::pin(call);
    let answer = (&mut call).now_or_never();
    tokio::spawn(async move {
        if answer.is_none() {
            call.await;
        }
    })
}

impl Client for VoxClient {
    async fn echo(&self, payload: Bytes) -> contender::Result<Bytes> {
        Ok(self.0.echo(payload.to_vec()).await?.into())
    }

    async fn numbers(&self, count: u64) -> contender::Result<u64> {
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

    async fn upload(&self, chunk: Bytes, count: usize) -> contender::Result<u64> {
        let (output, chunks) = channel();
        let send = async {
            for _ in 0..count {
                output.send(chunk.to_vec()).await?;
            }
            drop(output);
            Ok::<_, Error>(())
        };
        let call = async { Ok(self.0.upload(chunks).await?) };
        Ok(tokio::try_join!(call, send)?.0)
    }

    async fn unread_stream(&self) -> contender::Result<UnreadStream> {
        let (output, mut numbers) = channel();
        let lane = self.0.clone();
        let call = poll_then_spawn(async move { lane.numbers(u64::MAX, output).await });
        numbers.recv().await?;
        Ok(Box::new(move || expect_unanswered(&call, numbers)))
    }

    async fn open_streams(&self, count: usize) -> contender::Result<OpenStreams> {
        let mut kept = Vec::with_capacity(count);
        for _ in 0..count {
            let (output, mut numbers) = channel();
            let lane = self.0.clone();
            let call = poll_then_spawn(async move { lane.silence(output).await });
            numbers.recv().await?;
            kept.push((call, numbers));
        }
        Ok(Box::new(kept))
    }
}
