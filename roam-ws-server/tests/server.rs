//! Tests of the server over real sockets, with the HTTP requests of browsers and other clients.

use std::net::SocketAddr;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::routing::any;
use futures::StreamExt as _;
use roam_core::net::websocket;
use roam_core::{CallError, ConnectionHandle, Context, NoDispatcher, RoamError, service};
use roam_ws_server::{Origins, Server};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::Message;

/// Names the peer that answers.
#[service]
trait Who {
    async fn answers(&self) -> String;
}

#[derive(Clone)]
struct Named(&'static str);

impl Who for Named {
    async fn answers(&self, _: &Context) -> String {
        self.0.to_owned()
    }
}

fn server() -> Server {
    Server::new(WhoDispatcher::new(Named("the server")))
}

async fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

async fn serve(server: &Server) -> SocketAddr {
    let (listener, address) = listen().await;
    let server = server.clone();
    tokio::spawn(async move { server.serve(listener).await });
    address
}

async fn connect(server: SocketAddr) -> ConnectionHandle {
    let url = format!("ws://{server}/");
    websocket::connect(&url).await.unwrap()
}

/// Sends the head of a request and returns the whole response.
async fn ask(server: SocketAddr, head: &str) -> String {
    let mut socket = TcpStream::connect(server).await.unwrap();
    socket.write_all(head.as_bytes()).await.unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).await.unwrap();
    answer
}

/// Returns the head of a WebSocket handshake with additional headers.
fn upgrade(more: &str) -> String {
    format!(
        "GET /rpc HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{more}\r\n"
    )
}

#[tokio::test]
async fn plain_request_gets_upgrade_required() {
    let address = serve(&server()).await;
    let answer = ask(address, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
    assert!(
        answer.starts_with("HTTP/1.1 426 Upgrade Required\r\n"),
        "{answer}"
    );
    assert!(answer.contains("\r\nupgrade: websocket\r\n"), "{answer}");
    assert!(answer.contains("not a WebSocket request"), "{answer}");
}

#[tokio::test]
async fn rejects_non_http_data() {
    let address = serve(&server()).await;
    let answer = ask(address, "\u{1}\u{2}\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
}

#[tokio::test]
async fn rejects_foreign_origins_unless_listed() {
    let foreign = upgrade("Origin: https://example.com\r\n");
    let address = serve(&server()).await;
    let answer = ask(address, &foreign).await;
    assert!(answer.starts_with("HTTP/1.1 403 Forbidden\r\n"), "{answer}");
    assert!(
        answer.contains("pages from https://example.com may not connect"),
        "{answer}"
    );

    let origins = Origins::Listed(vec!["https://example.com".to_owned()]);
    let address = serve(&server().with_origins(origins)).await;
    let mut socket = TcpStream::connect(address).await.unwrap();
    socket.write_all(foreign.as_bytes()).await.unwrap();
    let mut status = [0; 12];
    socket.read_exact(&mut status).await.unwrap();
    assert_eq!(&status, b"HTTP/1.1 101");
}

/// Starts a server inside axum, limited to one link.
async fn small_axum() -> (Server, SocketAddr) {
    let server = server().with_max_links(1);
    let upgrading = server.clone();
    let rpc = async move |request: Request| match upgrading.upgrade(request) {
        Ok(response) => response.map(|()| Body::empty()),
        Err(error) => error.response().map(Body::from),
    };
    let (listener, address) = listen().await;
    let app = Router::new().route("/rpc", any(rpc));
    tokio::spawn(async move { axum::serve(listener, app).await });
    (server, address)
}

async fn connect_to_axum(server: SocketAddr) -> ConnectionHandle {
    let url = format!("ws://{server}/rpc");
    websocket::connect(&url).await.unwrap()
}

#[tokio::test]
async fn rejects_links_over_the_limit() {
    let (_, address) = small_axum().await;
    let _link = connect_to_axum(address).await;
    let answer = ask(address, &upgrade("Connection: close\r\n")).await;
    assert!(
        answer.starts_with("HTTP/1.1 503 Service Unavailable\r\n"),
        "{answer}"
    );
    assert!(answer.ends_with("too many links\n"), "{answer}");
}

#[tokio::test]
async fn close_ends_every_link_and_accepts_no_more() {
    let server = server();
    let (listener, address) = listen().await;
    let serving = tokio::spawn({
        let server = server.clone();
        async move { server.serve(listener).await }
    });
    let links = [connect(address).await, connect(address).await];
    server.close("restarting").await;
    for link in links {
        assert_eq!(
            link.closed().await.to_string(),
            "closed by the peer: restarting"
        );
    }
    serving.await.unwrap();
    assert!(TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn closed_server_rejects_upgrades() {
    let (server, address) = small_axum().await;
    let link = connect_to_axum(address).await;
    server.close("").await;
    assert_eq!(link.closed().await.to_string(), "closed by the peer");
    let answer = ask(address, &upgrade("Connection: close\r\n")).await;
    assert!(
        answer.starts_with("HTTP/1.1 503 Service Unavailable\r\n"),
        "{answer}"
    );
    assert!(answer.ends_with("the server is closing\n"), "{answer}");
}

#[tokio::test]
async fn server_can_call_each_new_peer() {
    let (answers, mut answered) = mpsc::unbounded_channel();
    let server = Server::new(NoDispatcher).with_greeting(move |link| {
        let answers = answers.clone();
        tokio::spawn(async move {
            let _ = answers.send(WhoClient::new(link).answers().await.unwrap());
        });
    });
    let url = format!("ws://{}/", serve(&server).await);
    let client = WhoDispatcher::new(Named("the client"));
    let _link = websocket::connect(&url).dispatcher(client).await.unwrap();
    assert_eq!(answered.recv().await.unwrap(), "the client");
}

#[tokio::test]
async fn upgrade_to_sets_the_dispatcher_of_a_link() {
    let server = server();
    let rpc = async move |request: Request| {
        let upgraded = if request.headers().contains_key("cookie") {
            server.upgrade_to(request, WhoDispatcher::new(Named("one that knows you")))
        } else {
            server.upgrade_to(request, NoDispatcher)
        };
        match upgraded {
            Ok(response) => response.map(|()| Body::empty()),
            Err(error) => error.response().map(Body::from),
        }
    };
    let (listener, address) = listen().await;
    let app = Router::new().route("/rpc", any(rpc));
    tokio::spawn(async move { axum::serve(listener, app).await });

    let stranger = WhoClient::new(connect_to_axum(address).await);
    assert!(matches!(
        stranger.answers().await,
        Err(CallError::Answered(RoamError::UnknownMethod))
    ));
}

#[tokio::test]
async fn oversized_first_frame_is_rejected_before_it_is_complete() {
    let address = serve(&server()).await;
    let (mut socket, _) = tokio_tungstenite::connect_async(format!("ws://{address}/"))
        .await
        .unwrap();
    // Sends 5 KiB of a binary frame of 1 MiB: a little more than one read of 4 KiB.
    let mut partial = vec![0x82, 0xff, 0, 0, 0, 0, 0, 0x10, 0, 0, 1, 2, 3, 4];
    partial.extend([0; 5 * 1024]);
    socket.get_mut().write_all(&partial).await.unwrap();

    let hello = socket.next().await.unwrap().unwrap();
    assert!(matches!(hello, Message::Binary(_)));
    let goodbye = socket.next().await.unwrap().unwrap().into_data();
    let text = String::from_utf8_lossy(&goodbye).into_owned();
    assert!(text.contains("message.too-large"), "{text}");
}
