//! tarpc over TCP, with bincode.

use std::net::SocketAddr;

use bytes::Bytes;
use futures::StreamExt;
use tarpc::server::{self, BaseChannel, Channel};
use tarpc::tokio_serde::formats::Bincode;
use tarpc::tokio_util::codec::LengthDelimitedCodec;
use tarpc::{client, context, serde_transport};
use tokio::net::{TcpListener, TcpStream};

use crate::contender::{Client, Contender, Limits, Result};

/// tarpc with a task for every call, as in its README.
#[derive(Debug)]
pub struct Tarpc;

/// The benchmark service.
#[tarpc::service]
trait Bench {
    /// Echoes `payload`.
    async fn echo(payload: Bytes) -> Bytes;
}

#[derive(Clone, Debug)]
struct Handler;

impl Bench for Handler {
    async fn echo(self, _: context::Context, payload: Bytes) -> Bytes {
        payload
    }
}

const IN_FLIGHT: usize = 16 * 1024;

/// A link, shared by its callers.
#[derive(Clone, Debug)]
pub struct TarpcClient(BenchClient);

impl Contender for Tarpc {
    const NAME: &'static str = "tarpc 0.38, TCP";
    type Client = TarpcClient;

    async fn serve(listener: TcpListener, limits: Limits) {
        while let Ok((socket, _)) = listener.accept().await {
            tokio::spawn(answer(socket, limits));
        }
    }

    async fn connect(server: SocketAddr, limits: Limits) -> Result<Self::Client> {
        let socket = TcpStream::connect(server).await?;
        socket.set_nodelay(true)?;
        let mut config = client::Config::default();
        if limits == Limits::Raised {
            config.max_in_flight_requests = IN_FLIGHT;
            config.pending_request_buffer = IN_FLIGHT;
        }
        let client = BenchClient::new(config, transport(socket)).spawn();
        Ok(TarpcClient(client))
    }
}

async fn answer(socket: TcpStream, limits: Limits) -> Result<()> {
    socket.set_nodelay(true)?;
    let mut config = server::Config::default();
    if limits == Limits::Raised {
        config.pending_response_buffer = IN_FLIGHT;
    }
    BaseChannel::new(config, transport(socket))
        .execute(Handler.serve())
        .for_each(async |call| {
            tokio::spawn(call);
        })
        .await;
    Ok(())
}

/// Wraps a socket like `serde_transport::tcp`, which does not let us set `TCP_NODELAY`.
fn transport<Item, SinkItem>(
    socket: TcpStream,
) -> serde_transport::Transport<TcpStream, Item, SinkItem, Bincode<Item, SinkItem>>
where
    Item: for<'de> serde::Deserialize<'de>,
    SinkItem: serde::Serialize,
{
    let framed = LengthDelimitedCodec::builder().new_framed(socket);
    serde_transport::new(framed, Bincode::default())
}

impl Client for TarpcClient {
    async fn echo(&self, payload: Bytes) -> Result<Bytes> {
        Ok(self.0.echo(context::current(), payload).await?)
    }
}
