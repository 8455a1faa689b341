//! tonic over HTTP/2 without TLS.
//!
//! The service is written by hand, the way its generator would write it from a `.proto`. Messages
//! are Google's `BytesValue` and `UInt64Value`, which prost implements for plain Rust types.

use std::convert::Infallible;
use std::net::SocketAddr;

use bytes::Bytes;
use futures::future::ready;
use futures::stream::{self, StreamExt};
use tokio::net::TcpListener;
use tonic::body::Body;
use tonic::client::Grpc;
use tonic::codegen::http::{self, uri::PathAndQuery};
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Channel, Endpoint, Server};
use tonic::{Request, Response, Status, Streaming, server};
use tonic_prost::ProstCodec;
use tower::service_fn;

use crate::contender::{Client, Contender, Limits, OpenStreams, Result, UnreadStream};

/// tonic with its default codec.
#[derive(Debug)]
pub struct Tonic;

const ECHO: &str = "/bench.Bench/Echo";
const NUMBERS: &str = "/bench.Bench/Numbers";
const UPLOAD: &str = "/bench.Bench/Upload";
const SILENCE: &str = "/bench.Bench/Silence";

const WINDOW: u32 = 1 << 20;
const IN_FLIGHT: u32 = 16 * 1024;

/// A link, shared by its callers.
#[derive(Clone, Debug)]
pub struct TonicClient(Grpc<Channel>);

impl Contender for Tonic {
    const NAME: &'static str = "tonic 0.14, HTTP/2";
    type Client = TonicClient;

    async fn serve(listener: TcpListener, limits: Limits) {
        let mut server = Server::builder();
        if limits == Limits::Raised {
            server = server
                .initial_stream_window_size(WINDOW)
                .initial_connection_window_size(WINDOW)
                .max_concurrent_streams(IN_FLIGHT);
        }
        let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
        let service = service_fn(async |request| Ok::<_, Infallible>(answer(request).await));
        if let Err(error) = server.serve_with_incoming(service, incoming).await {
            eprintln!("tonic failed to serve: {error}");
        }
    }

    async fn connect(server: SocketAddr, limits: Limits) -> Result<Self::Client> {
        let mut endpoint = Endpoint::new(format!("http://{server}"))?.tcp_nodelay(true);
        if limits == Limits::Raised {
            // Its default windows are larger than `WINDOW`.
            endpoint = endpoint.buffer_size(IN_FLIGHT as usize);
        }
        Ok(TonicClient(Grpc::new(endpoint.connect().await?)))
    }
}

async fn answer(request: http::Request<Body>) -> http::Response<Body> {
    match request.uri().path() {
        ECHO => {
            let echo = service_fn(|payload: Request<Bytes>| ready(reply(payload.into_inner())));
            server::Grpc::new(ProstCodec::default())
                .unary(echo, request)
                .await
        }
        NUMBERS => {
            let numbers = service_fn(|count: Request<u64>| {
                ready(reply(stream::iter(0..count.into_inner()).map(Ok)))
            });
            server::Grpc::new(ProstCodec::<u64, u64>::default())
                .server_streaming(numbers, request)
                .await
        }
        UPLOAD => {
            server::Grpc::new(ProstCodec::default())
                .client_streaming(service_fn(upload), request)
                .await
        }
        SILENCE => {
            let silence = service_fn(|_: Request<u64>| ready(reply(stream::pending())));
            server::Grpc::new(ProstCodec::<u64, u64>::default())
                .server_streaming(silence, request)
                .await
        }
        _ => Status::unimplemented("unknown method").into_http(),
    }
}

#[expect(clippy::unnecessary_wraps, reason = "a handler must return a result")]
fn reply<T>(message: T) -> tonic::Result<Response<T>> {
    Ok(Response::new(message))
}

async fn upload(chunks: Request<Streaming<Bytes>>) -> tonic::Result<Response<u64>> {
    let mut chunks = chunks.into_inner();
    let mut received = 0;
    while let Some(chunk) = chunks.message().await? {
        received += chunk.len() as u64;
    }
    reply(received)
}

impl TonicClient {
    /// Returns a client of the same link that is ready to send a request.
    async fn ready(&self) -> Result<Grpc<Channel>> {
        let mut client = self.0.clone();
        client.ready().await?;
        Ok(client)
    }

    async fn read(&self, path: &'static str, count: u64) -> Result<Streaming<u64>> {
        let mut client = self.ready().await?;
        let path = PathAndQuery::from_static(path);
        let answer = client.server_streaming(Request::new(count), path, ProstCodec::default());
        Ok(answer.await?.into_inner())
    }
}

impl Client for TonicClient {
    async fn echo(&self, payload: Bytes) -> Result<Bytes> {
        let mut client = self.ready().await?;
        let path = PathAndQuery::from_static(ECHO);
        let answer = client.unary(Request::new(payload), path, ProstCodec::default());
        Ok(answer.await?.into_inner())
    }

    async fn numbers(&self, count: u64) -> Result<u64> {
        let mut numbers = self.read(NUMBERS, count).await?;
        let mut received = 0;
        while numbers.message().await?.is_some() {
            received += 1;
        }
        Ok(received)
    }

    async fn upload(&self, chunk: Bytes, count: usize) -> Result<u64> {
        let mut client = self.ready().await?;
        let chunks = stream::iter(0..count).map(move |_| chunk.clone());
        let path = PathAndQuery::from_static(UPLOAD);
        let answer = client.client_streaming(Request::new(chunks), path, ProstCodec::default());
        Ok(answer.await?.into_inner())
    }

    async fn unread_stream(&self) -> Result<UnreadStream> {
        let mut numbers = self.read(NUMBERS, u64::MAX).await?;
        numbers.message().await?;
        Ok(Box::new(move || {
            drop(numbers);
            Ok(())
        }))
    }

    async fn open_streams(&self, count: usize) -> Result<OpenStreams> {
        let mut kept = Vec::with_capacity(count);
        for _ in 0..count {
            kept.push(self.read(SILENCE, 0).await?);
        }
        Ok(Box::new(kept))
    }
}
