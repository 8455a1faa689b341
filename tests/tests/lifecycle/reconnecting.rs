//! A client that outlives its links, and servers that restart.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use futures::StreamExt;
use roam_core::net::websocket;
use roam_core::{
    CallError, Config, ConnectionHandle, Context, ServiceDispatcher,
    client::{LinkState, ReconnectingClient, RetryPolicy},
    nonce::NonceDispatcher,
    service,
};
use roam_faults::{Cut, Fault, FaultProxy};
use roam_tests::endpoint::serve as serve_in_background;
use roam_tests::watched;
use roam_ws_server::Server;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::sync::Semaphore;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

#[service]
trait Till {
    /// Sells one item and returns the total.
    async fn sell(&self) -> u32;
    /// Returns the total sold.
    #[roam(idempotent)]
    async fn sold(&self) -> u32;
}

/// The handler of [`Till`], which answers when the test permits it.
#[derive(Clone)]
struct Seller {
    sold: Arc<AtomicU32>,
    called: UnboundedSender<ConnectionHandle>,
    permits: Arc<Semaphore>,
}

impl Seller {
    async fn wait_for_permit(&self, cx: &Context) {
        self.called.send(cx.connection().clone()).unwrap();
        self.permits.acquire().await.unwrap().forget();
    }
}

impl Till for Seller {
    async fn sell(&self, cx: &Context) -> u32 {
        let sold = self.sold.fetch_add(1, Ordering::Relaxed) + 1;
        self.wait_for_permit(cx).await;
        sold
    }

    async fn sold(&self, cx: &Context) -> u32 {
        self.wait_for_permit(cx).await;
        self.sold.load(Ordering::Relaxed)
    }
}

fn seller() -> (Seller, UnboundedReceiver<ConnectionHandle>) {
    let (called, calls) = unbounded_channel();
    let seller = Seller {
        sold: Arc::default(),
        called,
        permits: Arc::new(Semaphore::new(0)),
    };
    (seller, calls)
}

/// Runs a server on `port`, in a runtime that can be killed.
async fn serve(port: u16, dispatcher: impl ServiceDispatcher) -> (Runtime, SocketAddr) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let listener = runtime.spawn(TcpListener::bind(("127.0.0.1", port)));
    let listener = listener.await.unwrap().unwrap();
    let address = listener.local_addr().unwrap();
    // Links end with their sockets.
    let config = Config::default().with_keep(Duration::ZERO);
    let server = Server::new(dispatcher).with_config(config);
    runtime.spawn(async move { server.serve(listener).await });
    (runtime, address)
}

/// Kills a server and waits until its tasks have stopped and its port is free.
async fn kill(runtime: Runtime) {
    tokio::task::spawn_blocking(move || drop(runtime))
        .await
        .unwrap();
}

fn client(server: SocketAddr) -> ReconnectingClient {
    let connect = move || async move { websocket::connect(&format!("ws://{server}/")).await };
    let policy = RetryPolicy::default()
        .with_attempts(u32::MAX)
        .with_initial_backoff(Duration::from_millis(5))
        .with_max_backoff(Duration::from_millis(50))
        .with_multiplier(2);
    ReconnectingClient::new(connect, policy)
}

#[test]
fn idempotent_calls_are_retried_after_a_server_restart() {
    watched(async {
        let (seller, mut calls) = seller();
        let (runtime, address) = serve(0, TillDispatcher::new(seller.clone())).await;
        let client = client(address);
        let till = TillClient::new(client.clone());
        assert_eq!(client.state(), LinkState::Idle);
        seller.permits.add_permits(1);
        assert_eq!(till.sold().await.unwrap(), 0);
        calls.recv().await.unwrap();
        assert_eq!(client.state(), LinkState::Connected);

        let sell = tokio::spawn(till.sell().into_future());
        calls.recv().await.unwrap();
        let sold = tokio::spawn(till.sold().into_future());
        calls.recv().await.unwrap();
        kill(runtime).await;
        let failed = sell.await.unwrap();
        assert!(
            matches!(failed, Err(CallError::Lost { sent: true, .. })),
            "{failed:?}"
        );
        // The client keeps trying to connect.
        let mut states = client.states();
        while !matches!(
            states.next().await,
            Some(LinkState::Connecting { attempt: 3.. })
        ) {}
        let late = tokio::spawn(till.sell().into_future());

        seller.permits.add_permits(2);
        let (runtime, _) = serve(address.port(), TillDispatcher::new(seller)).await;
        sold.await.unwrap().unwrap();
        late.await.unwrap().unwrap();
        assert_eq!(client.state(), LinkState::Connected);
        kill(runtime).await;
    });
}

#[test]
fn call_with_a_nonce_runs_once_despite_lost_links() {
    watched(async {
        let (seller, mut calls) = seller();
        let (arrived, mut arrivals) = unbounded_channel();
        let dispatcher = NonceDispatcher::new(TillDispatcher::new(seller.clone()));
        let dispatcher = dispatcher.with_identity(move |cx| {
            arrived.send(cx.connection().clone()).unwrap();
            Vec::new()
        });
        let (runtime, address) = serve(0, dispatcher).await;
        let till = TillClient::new(client(address).with_nonces());
        let sell = tokio::spawn(till.sell().into_future());
        for _ in 0..3 {
            let link = arrivals.recv().await.unwrap();
            link.close("have to go");
        }
        arrivals.recv().await.unwrap();
        seller.permits.add_permits(2);
        assert_eq!(sell.await.unwrap().unwrap(), 1);
        assert_eq!(till.sell().await.unwrap(), 2);
        assert!(calls.recv().await.is_some() && calls.recv().await.is_some());
        assert!(calls.try_recv().is_err());
        kill(runtime).await;
    });
}

#[test]
fn a_client_tells_that_its_link_reconnects() {
    watched(async {
        let (seller, _calls) = seller();
        let server = Server::new(TillDispatcher::new(seller.clone()));
        let (address, _) = serve_in_background(server).await;
        let proxy = FaultProxy::start(address).await.unwrap();
        let till = client(proxy.addr());
        let mut states = till.states();
        seller.permits.add_permits(2);
        assert_eq!(states.next().await, Some(LinkState::Idle));
        assert_eq!(TillClient::new(till.clone()).sold().await.unwrap(), 0);
        while states.next().await != Some(LinkState::Connected) {}
        proxy.inject(Fault::Cut(Cut::Reset));
        assert_eq!(states.next().await, Some(LinkState::Reconnecting));
        assert_eq!(till.state(), LinkState::Reconnecting);
        assert_eq!(states.next().await, Some(LinkState::Connected));
        assert_eq!(TillClient::new(till).sold().await.unwrap(), 0);
    });
}
