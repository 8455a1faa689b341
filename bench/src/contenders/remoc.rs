//! remoc over TCP: a remote trait, with remote channels as streams.

#![expect(
    clippy::unsafe_derive_deserialize,
    reason = "remoc's macro derives it for the types it generates"
)]

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use remoc::rch::{io, mpsc};
use remoc::rtc::{self, CallError, ServerShared};
use remoc::{Cfg, Connect, ConnectExt, codec};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::contender::{self, Client, Contender, Error, Limits, OpenStreams, UnreadStream};

/// remoc with its default codec and concurrent calls.
#[derive(Debug)]
pub struct Remoc;

/// The benchmark service.
#[rtc::remote]
trait Bench {
    /// Echoes `payload`.
    async fn echo(&self, payload: Bytes) -> Result<Bytes, CallError>;
    /// Sends `count` numbers.
    async fn numbers(&self, count: u64) -> Result<mpsc::Receiver<u64>, CallError>;
    /// Counts the bytes received.
    async fn upload(&self, chunks: mpsc::Receiver<Bytes>) -> Result<u64, CallError>;
    /// Counts the bytes of a byte stream.
    async fn upload_bytes(&self, bytes: io::Receiver) -> Result<u64, CallError>;
    /// Sends nothing until the reader closes the stream.
    async fn silence(&self) -> Result<mpsc::Receiver<u64>, CallError>;
}

#[derive(Debug)]
struct Handler;

impl Bench for Handler {
    async fn echo(&self, payload: Bytes) -> Result<Bytes, CallError> {
        Ok(payload)
    }

    async fn numbers(&self, count: u64) -> Result<mpsc::Receiver<u64>, CallError> {
        let (output, numbers) = mpsc::channel();
        tokio::spawn(async move {
            for number in 0..count {
                if output.send(number).await.is_err() {
                    break;
                }
            }
        });
        Ok(numbers)
    }

    async fn upload(&self, mut chunks: mpsc::Receiver<Bytes>) -> Result<u64, CallError> {
        let mut received = 0;
        while let Ok(Some(chunk)) = chunks.recv().await {
            received += chunk.len() as u64;
        }
        Ok(received)
    }

    async fn upload_bytes(&self, mut bytes: io::Receiver) -> Result<u64, CallError> {
        let mut buffer = vec![0; CHUNK];
        while let Ok(1..) = bytes.read(&mut buffer).await {}
        Ok(bytes.bytes_received())
    }

    async fn silence(&self) -> Result<mpsc::Receiver<u64>, CallError> {
        let (output, numbers) = mpsc::channel();
        tokio::spawn(async move { output.closed().await });
        Ok(numbers)
    }
}

const CHUNK: usize = 64 * 1024;
const IN_FLIGHT: u16 = 16 * 1024;

/// A link, shared by its callers.
#[derive(Clone, Debug)]
pub struct RemocClient(BenchClient);

impl Contender for Remoc {
    const NAME: &'static str = "remoc 0.20, TCP";
    type Client = RemocClient;

    async fn serve(listener: TcpListener, limits: Limits) {
        while let Ok((socket, _)) = listener.accept().await {
            tokio::spawn(answer(socket, limits));
        }
    }

    async fn connect(server: SocketAddr, limits: Limits) -> contender::Result<Self::Client> {
        let socket = TcpStream::connect(server).await?;
        socket.set_nodelay(true)?;
        let (input, output) = socket.into_split();
        let client = Connect::io(config(limits), input, output).consume().await?;
        Ok(RemocClient(client))
    }
}

async fn answer(socket: TcpStream, limits: Limits) -> contender::Result<()> {
    socket.set_nodelay(true)?;
    let (input, output) = socket.into_split();
    let (mut server, client) = BenchServerShared::<_, codec::Default>::new(Arc::new(Handler));
    if limits == Limits::Raised {
        server.set_parallelism(IN_FLIGHT.into());
    }
    Connect::io(config(limits), input, output)
        .provide(client)
        .await?;
    server
        .serve()
        .await
        .map_err(|error| error.to_string().into())
}

fn config(limits: Limits) -> Cfg {
    let mut config = Cfg::default();
    if limits == Limits::Raised {
        // A call uses one port for its response, and each channel one more.
        config.max_ports = 2 * u32::from(IN_FLIGHT);
        config.connect_queue = IN_FLIGHT;
        config.port_receive_buffer = 1 << 20;
    }
    config
}

impl Client for RemocClient {
    async fn echo(&self, payload: Bytes) -> contender::Result<Bytes> {
        Ok(self.0.echo(payload).await?)
    }

    async fn numbers(&self, count: u64) -> contender::Result<u64> {
        let mut numbers = self.0.numbers(count).await?;
        let mut received = 0;
        while numbers.recv().await?.is_some() {
            received += 1;
        }
        Ok(received)
    }

    async fn upload(&self, chunk: Bytes, count: usize) -> contender::Result<u64> {
        let (output, chunks) = mpsc::channel();
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

    async fn upload_bytes(&self, length: u64) -> contender::Result<u64> {
        let (mut output, bytes) = io::sized(length);
        let send = async {
            let chunk = vec![7; CHUNK];
            while let Some(left @ 1..) = output.remaining() {
                let length = usize::try_from(left).map_or(CHUNK, |left| left.min(CHUNK));
                output.write_all(&chunk[..length]).await?;
            }
            Ok::<_, Error>(output.shutdown().await?)
        };
        let call = async { Ok(self.0.upload_bytes(bytes).await?) };
        Ok(tokio::try_join!(call, send)?.0)
    }

    async fn unread_stream(&self) -> contender::Result<UnreadStream> {
        let mut numbers = self.0.numbers(u64::MAX).await?;
        numbers.recv().await?;
        Ok(Box::new(move || {
            drop(numbers);
            Ok(())
        }))
    }

    async fn open_streams(&self, count: usize) -> contender::Result<OpenStreams> {
        let mut kept = Vec::with_capacity(count);
        for _ in 0..count {
            kept.push(self.0.silence().await?);
        }
        Ok(Box::new(kept))
    }
}
