//! jsonrpsee over WebSocket. Payloads are JSON strings.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use jsonrpsee::PendingSubscriptionSink;
use jsonrpsee::client_transport::ws::{Url, WsTransportClientBuilder};
use jsonrpsee::core::client::SubscriptionCloseReason::{self, ConnectionClosed, Lagged};
use jsonrpsee::core::client::{Client as Link, ClientBuilder, Subscription};
use jsonrpsee::core::{RpcResult, SubscriptionResult, async_trait, to_json_raw_value};
use jsonrpsee::proc_macros::rpc;
use jsonrpsee::server::{ServerBuilder, ServerConfig};
use tokio::net::TcpListener;

use crate::contender::{self, Client, Contender, Limits, OpenStreams, UnreadStream};

/// jsonrpsee, with subscriptions as streams.
#[derive(Debug)]
pub struct Jsonrpsee;

/// The benchmark service.
#[rpc(client, server)]
trait Bench {
    /// Echoes `payload`.
    #[method(name = "echo")]
    async fn echo(&self, payload: String) -> RpcResult<String>;
    /// Sends `count` numbers.
    #[subscription(name = "subscribe_numbers", item = u64)]
    async fn numbers(&self, count: u64) -> SubscriptionResult;
    /// Sends nothing until the reader closes the stream.
    #[subscription(name = "subscribe_silence", item = u64)]
    async fn silence(&self) -> SubscriptionResult;
}

#[derive(Debug)]
struct Handler;

#[async_trait]
impl BenchServer for Handler {
    async fn echo(&self, payload: String) -> RpcResult<String> {
        Ok(payload)
    }

    async fn numbers(&self, pending: PendingSubscriptionSink, count: u64) -> SubscriptionResult {
        let output = pending.accept().await?;
        for number in 0..count {
            output.send(to_json_raw_value(&number)?).await?;
        }
        Ok(())
    }

    async fn silence(&self, pending: PendingSubscriptionSink) -> SubscriptionResult {
        pending.accept().await?.closed().await;
        Ok(())
    }
}

const IN_FLIGHT: u32 = 16 * 1024;

/// A link, shared by its callers.
#[derive(Clone, Debug)]
pub struct JsonrpseeClient(Arc<Link>);

impl Contender for Jsonrpsee {
    const NAME: &'static str = "jsonrpsee 0.26";
    type Client = JsonrpseeClient;

    async fn serve(listener: TcpListener, limits: Limits) {
        // Server and client set `TCP_NODELAY` by default. The default limit is a hundred links.
        let mut config = ServerConfig::builder().max_connections(u32::MAX);
        if limits == Limits::Raised {
            config = config
                .max_subscriptions_per_connection(IN_FLIGHT)
                .set_message_buffer_capacity(IN_FLIGHT);
        }
        let server = ServerBuilder::with_config(config.build());
        let listener = listener.into_std();
        match listener.and_then(|listener| server.build_from_tcp(listener)) {
            Ok(server) => server.start(Handler.into_rpc()).stopped().await,
            Err(error) => eprintln!("jsonrpsee failed to serve: {error}"),
        }
    }

    async fn connect(server: SocketAddr, limits: Limits) -> contender::Result<Self::Client> {
        let url = Url::parse(&format!("ws://{server}/"))?;
        let (output, input) = WsTransportClientBuilder::default().build(url).await?;
        let mut builder = ClientBuilder::default();
        if limits == Limits::Raised {
            builder = builder.max_concurrent_requests(IN_FLIGHT as usize);
        }
        let link = builder.build_with_tokio(output, input);
        Ok(JsonrpseeClient(Arc::new(link)))
    }
}

impl Client for JsonrpseeClient {
    async fn echo(&self, payload: Bytes) -> contender::Result<Bytes> {
        let payload = String::from_utf8(payload.into())?;
        Ok(self.0.echo(payload).await?.into())
    }

    async fn numbers(&self, count: u64) -> contender::Result<u64> {
        let mut numbers = self.0.numbers(count).await?;
        for _ in 0..count {
            next(&mut numbers).await?;
        }
        Ok(count)
    }

    async fn unread_stream(&self) -> contender::Result<UnreadStream> {
        let mut numbers = self.0.numbers(u64::MAX).await?;
        next(&mut numbers).await?;
        Ok(Box::new(move || {
            numbers.close_reason().map_or(Ok(()), ended)
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

async fn next(numbers: &mut Subscription<u64>) -> contender::Result<u64> {
    match numbers.next().await {
        Some(number) => Ok(number?),
        None => ended(numbers.close_reason().unwrap_or(ConnectionClosed)),
    }
}

/// Returns an error that says why the subscription ended. Subscriptions have no backpressure.
fn ended<T>(reason: SubscriptionCloseReason) -> contender::Result<T> {
    let reason = match reason {
        ConnectionClosed => "the link was closed",
        Lagged => "the client drops a subscription that lags",
    };
    Err(reason.into())
}
