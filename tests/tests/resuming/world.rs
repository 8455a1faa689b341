//! A server, a client, and a network between them that fails on command.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use roam_core::net::stream::tcp;
use roam_core::net::websocket;
use roam_core::server::{Accepted, Acceptor};
use roam_core::transport::Transport;
use roam_core::tunnel::Tunnel;
use roam_core::{
    CallError, Config, ConnectError, ConnectionHandle, Metadata, Rx, ServiceDispatcher, Tx,
    channel, service,
};
use roam_faults::{Admission, Cut, Fault, FaultProxy};
use roam_tests::watched;
use roam_ws_server::Server;
use tokio::net::TcpListener;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinHandle;

/// A service that notices what is lost, comes twice or comes in another order.
#[service]
pub(crate) trait Meter {
    /// Counts its calls. Returns which one this is.
    async fn count(&self) -> u64;
    /// Returns how many numbers came. They must be 0, 1, 2 and so on.
    async fn check(&self, numbers: Rx<u64>) -> u64;
    /// Sends the numbers below `end`.
    async fn numbers(&self, end: u64, output: Tx<u64>);
    /// Sends back what comes through `tunnel`.
    async fn echo(&self, tunnel: Tunnel);
    /// Hands the test the connection, and runs until it is aborted.
    async fn hold(&self);
}

/// What the handlers of [`Meter`] tell the test.
#[derive(Debug)]
pub(crate) enum Told {
    /// `hold` runs on a connection.
    Held(ConnectionHandle),
    /// `hold` was aborted.
    Stopped,
}

#[derive(Clone)]
pub(crate) struct Handler {
    pub(crate) counted: Arc<AtomicU64>,
    told: UnboundedSender<Told>,
}

struct Holding(UnboundedSender<Told>);

impl Drop for Holding {
    fn drop(&mut self) {
        // The test may have ended.
        let _ = self.0.send(Told::Stopped);
    }
}

impl Meter for Handler {
    async fn count(&self, _: &roam_core::Context) -> u64 {
        self.counted.fetch_add(1, Ordering::Relaxed) + 1
    }

    async fn check(&self, _: &roam_core::Context, numbers: Rx<u64>) -> u64 {
        expect_numbers(numbers).await
    }

    async fn numbers(&self, _: &roam_core::Context, end: u64, output: Tx<u64>) {
        send_numbers(end, output).await;
    }

    async fn echo(&self, _: &roam_core::Context, mut tunnel: Tunnel) {
        while let Some(bytes) = tunnel.rx.recv().await.expect("a clean end") {
            tunnel.tx.send(bytes).await.expect("the reader goes on");
        }
    }

    async fn hold(&self, cx: &roam_core::Context) {
        let _holding = Holding(self.told.clone());
        let _ = self.told.send(Told::Held(cx.connection().clone()));
        std::future::pending::<()>().await;
    }
}

pub(crate) async fn send_numbers(end: u64, output: Tx<u64>) {
    for number in 0..end {
        output.send(number).await.expect("the reader goes on");
    }
    output.close();
}

/// Returns how many numbers came.
pub(crate) async fn expect_numbers(mut numbers: Rx<u64>) -> u64 {
    let mut next = 0;
    while let Some(number) = numbers.recv().await.expect("a clean end") {
        assert_eq!(number, next, "each number comes once, in order");
        next += 1;
    }
    next
}

/// Streams of numbers from a client to its server and back, both under way.
pub(crate) struct NumbersBothWays {
    end: u64,
    sending: JoinHandle<()>,
    up: JoinHandle<Result<u64, CallError>>,
    down: JoinHandle<Result<(), CallError>>,
    reading: JoinHandle<u64>,
}

impl NumbersBothWays {
    pub(crate) fn start(client: &MeterClient, end: u64) -> Self {
        let (output, input) = channel();
        let up = tokio::spawn(client.check(input).into_future());
        let sending = tokio::spawn(send_numbers(end, output));
        let (output, input) = channel();
        let down = tokio::spawn(client.numbers(end, output).into_future());
        Self {
            end,
            sending,
            up,
            down,
            reading: tokio::spawn(expect_numbers(input)),
        }
    }

    /// Waits until each number has come once, in order.
    pub(crate) async fn arrive(self) {
        self.sending.await.unwrap();
        assert_eq!(self.up.await.unwrap().unwrap(), self.end);
        self.down.await.unwrap().unwrap();
        assert_eq!(self.reading.await.unwrap(), self.end);
    }
}

/// What carries the links of a world.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Net {
    WebSocket,
    Tcp,
}

/// Runs a test over each kind of socket.
pub(crate) fn over_each<T: Future<Output = ()>>(test: impl Fn(Net) -> T) {
    for net in [Net::WebSocket, Net::Tcp] {
        println!("over {net:?}");
        watched(test(net));
    }
}

pub(crate) struct World {
    pub(crate) proxy: FaultProxy,
    pub(crate) handler: Handler,
    pub(crate) told: UnboundedReceiver<Told>,
    net: Net,
}

impl World {
    pub(crate) async fn new(net: Net) -> Self {
        Self::with_config(net, Config::default()).await
    }

    pub(crate) async fn with_config(net: Net, config: Config) -> Self {
        match net {
            Net::WebSocket => Self::with(|server| server.with_config(config)).await,
            Net::Tcp => {
                let (handler, told) = handler();
                let address = serve_tcp(config, MeterDispatcher::new(handler.clone())).await;
                Self::around(address, net, handler, told).await
            }
        }
    }

    /// Creates a world over WebSocket.
    pub(crate) async fn with(configure: impl FnOnce(Server) -> Server) -> Self {
        let (handler, told) = handler();
        let dispatcher = MeterDispatcher::new(handler.clone());
        let greet = dispatcher.clone();
        let server = Server::new(dispatcher).with_greeting(move |link| {
            tokio::spawn(accept_connections(link, greet.clone()));
        });
        let server = configure(server);
        let address = serve(&server).await;
        Self::around(address, Net::WebSocket, handler, told).await
    }

    async fn around(
        server: SocketAddr,
        net: Net,
        handler: Handler,
        told: UnboundedReceiver<Told>,
    ) -> Self {
        Self {
            proxy: FaultProxy::start(server).await.expect("a free port"),
            handler,
            told,
            net,
        }
    }

    pub(crate) async fn connect(&self) -> ConnectionHandle {
        self.try_to_connect()
            .await
            .expect("the server accepts the link")
    }

    pub(crate) async fn try_to_connect(&self) -> Result<ConnectionHandle, ConnectError> {
        match self.net {
            Net::WebSocket => websocket::connect(&self.url()).await,
            Net::Tcp => tcp::connect(self.proxy.addr()).await,
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("ws://{}/", self.proxy.addr())
    }

    /// Starts a call that never ends. Returns the server's side of the link as well.
    pub(crate) async fn hold(
        &mut self,
        link: &ConnectionHandle,
    ) -> (JoinHandle<Result<(), CallError>>, ConnectionHandle) {
        let held = tokio::spawn(MeterClient::new(link.clone()).hold().into_future());
        match self.told.recv().await {
            Some(Told::Held(link)) => (held, link),
            other => panic!("{other:?}"),
        }
    }

    pub(crate) async fn stopped(&mut self) {
        assert!(matches!(self.told.recv().await, Some(Told::Stopped)));
    }

    /// Cuts the only socket so far, and waits until another was tried in vain.
    pub(crate) async fn cut_off(&self) {
        self.proxy.admit(Admission::Refuse);
        self.cut();
        self.proxy.connection(2).await.ended().await;
    }

    /// Cuts every socket.
    pub(crate) fn cut(&self) {
        self.proxy.inject(Fault::Cut(Cut::Reset));
    }
}

/// Serves the same on each virtual connection.
async fn accept_connections<D>(link: ConnectionHandle, dispatcher: D)
where
    D: ServiceDispatcher + Clone,
{
    let mut incoming = link.listen();
    while let Some(asking) = incoming.next().await {
        let accepted = asking.accept(&Metadata::new(), dispatcher.clone());
        accepted.expect("the link is open");
    }
}

pub(crate) async fn serve(server: &Server) -> SocketAddr {
    let (listener, address) = listen().await;
    let server = server.clone();
    tokio::spawn(async move { server.serve(listener).await });
    address
}

/// Serves links over TCP.
pub(crate) async fn serve_tcp<D>(config: Config, dispatcher: D) -> SocketAddr
where
    D: ServiceDispatcher + Clone,
{
    let (listener, address) = listen().await;
    let acceptor = Acceptor::new(config);
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            // A socket that was cut already is none.
            if let Ok(socket) = tcp::adopt(socket) {
                tokio::spawn(accept(acceptor.clone(), socket, dispatcher.clone()));
            }
        }
    });
    address
}

/// Accepts a transport, and runs the link that begins with it.
pub(crate) async fn accept<T, D>(acceptor: Acceptor<T>, transport: T, dispatcher: D)
where
    T: Transport,
    D: ServiceDispatcher + Clone,
{
    // The transport may have been cut.
    let Ok(incoming) = acceptor.receive(transport).await else {
        return;
    };
    if let Ok(Accepted::New(link)) = incoming.accept() {
        let (link, driver) = link.dispatcher(dispatcher.clone()).drive();
        tokio::spawn(accept_connections(link, dispatcher));
        driver.await;
    }
}

async fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    (listener, address)
}

/// Creates a handler, and the end that it tells things.
pub(crate) fn handler() -> (Handler, UnboundedReceiver<Told>) {
    let (told, events) = unbounded_channel();
    let handler = Handler {
        counted: Arc::default(),
        told,
    };
    (handler, events)
}
