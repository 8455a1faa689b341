//! A server whose links use all the memory that they may use together.

use std::sync::Arc;

use roam_core::net::websocket;
use roam_core::proto::{Close, SharedMemory};
use roam_core::{
    CallError, CloseReason, Config, ConnectError, ConnectionHandle, Context, FailureKind, Rx, Tx,
    channel, service,
};
use roam_ws_server::Server;
use tokio::net::TcpListener;

#[service]
trait Shelf {
    async fn echo(&self, text: String) -> String;
    /// Reads `books` once `open` has ended. Returns how many bytes they have.
    async fn fill(&self, books: Rx<Vec<u8>>, open: Rx<()>) -> u64;
}

#[derive(Clone)]
struct Handler;

impl Shelf for Handler {
    async fn echo(&self, _: &Context, text: String) -> String {
        text
    }

    async fn fill(&self, _: &Context, mut books: Rx<Vec<u8>>, mut open: Rx<()>) -> u64 {
        let _ = open.recv().await;
        let mut bytes = 0;
        while let Ok(Some(book)) = books.recv().await {
            bytes += book.len() as u64;
        }
        bytes
    }
}

/// Fills the server's memory by elements that nobody reads. Returns what lets them be read.
async fn fill(link: &ConnectionHandle, memory: &SharedMemory) -> (Tx<()>, Tx<Vec<u8>>) {
    let ((books, rx), (open, opening)) = (channel(), channel());
    let shelf = ShelfClient::new(link.clone());
    tokio::spawn(shelf.fill(rx, opening).into_future());
    while !memory.is_exceeded() {
        books.send(vec![7; 50_000]).await.unwrap();
        tokio::task::yield_now().await;
    }
    (open, books)
}

#[tokio::test]
async fn new_links_and_calls_are_refused_and_open_ones_go_on() {
    let memory = Arc::new(SharedMemory::new(300_000));
    let config = Config::default().with_memory(Arc::clone(&memory));
    let server = Server::new(ShelfDispatcher::new(Handler)).with_config(config);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}/", listener.local_addr().unwrap());
    tokio::spawn(async move { server.serve(listener).await });
    let [greedy, modest] = [
        websocket::connect(&url).await.unwrap(),
        websocket::connect(&url).await.unwrap(),
    ];
    let modest = ShelfClient::new(modest);
    assert_eq!(modest.echo("before".into()).await.unwrap(), "before");

    let (open, books) = fill(&greedy, &memory).await;
    let busy = modest.echo("busy".into()).await.unwrap_err();
    let kind = FailureKind::Busy;
    assert!(
        matches!(&busy, CallError::Failed(failure) if failure.kind == kind),
        "{busy:?}"
    );
    let refused = websocket::connect(&url).await.map(drop).unwrap_err();
    let ConnectError::Closed(CloseReason::Refused(refusal)) = &refused else {
        panic!("{refused:?}");
    };
    assert_eq!(refusal.code, Close::TOO_MANY);
    assert!(refusal.retry_after.is_some());

    // What is open goes on: its reader reads, and there is room again.
    drop(open);
    books.close();
    while memory.is_exceeded() {
        tokio::task::yield_now().await;
    }
    assert_eq!(modest.echo("after".into()).await.unwrap(), "after");
    websocket::connect(&url).await.unwrap();
}
