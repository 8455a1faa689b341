//! A service for the tests, and links to it.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use futures::channel::oneshot;
use roam_core::{
    Config, ConnectionHandle, Context, Rx, ServiceDispatcher, Tx, accept, rt, service,
};
use roam_wasm::WebSocketTransport;

use super::socket::{FakeSocket, sockets};

pub(crate) const PACKED: &str = "roam.v2.packed";

/// The methods to call.
#[service]
pub(crate) trait Testbed {
    /// Returns the text.
    async fn echo(&self, text: String) -> String;
    /// Never answers; runs until it is aborted.
    async fn hang(&self);
    /// Returns the sum of the numbers.
    async fn sum(&self, numbers: Rx<u32>) -> u64;
    /// Counts to `count`.
    async fn generate(&self, count: u32, numbers: Tx<u32>);
    /// Returns a stream that counts to `count`.
    async fn stream(&self, count: u32) -> Rx<u32>;
    /// Returns the sender of a channel whose elements are dropped.
    async fn sink(&self) -> Tx<u8>;
    /// Reads everything.
    async fn drain(&self, units: Rx<()>);
    /// Waits for the gate, then reads everything and returns the number of bytes.
    async fn read_later(&self, chunks: Rx<Vec<u8>>) -> u64;
    /// Fails with the first number.
    async fn fail(&self, numbers: Rx<u32>) -> Result<(), u32>;
}

/// The handler, with state that tests observe.
#[derive(Clone, Default)]
pub(crate) struct Handler {
    /// The number of running `hang` handlers.
    pub(crate) hanging: Rc<Cell<u32>>,
    /// The gate that `read_later` waits for.
    pub(crate) gate: Rc<RefCell<Option<oneshot::Receiver<()>>>>,
}

struct Running(Rc<Cell<u32>>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}

impl Testbed for Handler {
    async fn echo(&self, _: &Context, text: String) -> String {
        text
    }

    async fn hang(&self, _: &Context) {
        self.hanging.set(self.hanging.get() + 1);
        let _running = Running(Rc::clone(&self.hanging));
        std::future::pending::<()>().await;
    }

    async fn sum(&self, _: &Context, mut numbers: Rx<u32>) -> u64 {
        let mut sum = 0;
        while let Ok(Some(number)) = numbers.recv().await {
            sum += u64::from(number);
        }
        sum
    }

    async fn generate(&self, _: &Context, count: u32, numbers: Tx<u32>) {
        for number in 0..count {
            if numbers.send(number).await.is_err() {
                return;
            }
        }
    }

    async fn stream(&self, _: &Context, count: u32) -> Rx<u32> {
        let (tx, rx) = roam_core::channel();
        rt::spawn(async move {
            for number in 0..count {
                if tx.send(number).await.is_err() {
                    return;
                }
            }
        });
        rx
    }

    async fn sink(&self, _: &Context) -> Tx<u8> {
        let (tx, mut rx) = roam_core::channel();
        rt::spawn(async move { while let Ok(Some(_)) = rx.recv().await {} });
        tx
    }

    async fn drain(&self, _: &Context, mut units: Rx<()>) {
        while let Ok(Some(())) = units.recv().await {}
    }

    async fn read_later(&self, _: &Context, mut chunks: Rx<Vec<u8>>) -> u64 {
        let gate = self.gate.take();
        if let Some(gate) = gate {
            let _ = gate.await;
        }
        let mut bytes = 0;
        while let Ok(Some(chunk)) = chunks.recv().await {
            bytes += chunk.len() as u64;
        }
        bytes
    }

    async fn fail(&self, _: &Context, mut numbers: Rx<u32>) -> Result<(), u32> {
        let first = numbers.recv().await;
        Err(first.ok().flatten().unwrap_or_default())
    }
}

/// Serves on one of two connected sockets. Returns the other, open socket and the server's handle.
pub(crate) async fn serve(
    protocol: &str,
    dispatcher: impl ServiceDispatcher,
) -> (FakeSocket, ConnectionHandle) {
    let [ours, theirs] = sockets(protocol);
    ours.opened();
    theirs.opened();
    (ours, accept_on(&theirs, dispatcher).await)
}

/// Serves on an open socket.
pub(crate) async fn accept_on(
    socket: &FakeSocket,
    dispatcher: impl ServiceDispatcher,
) -> ConnectionHandle {
    let config = Config::default();
    let transport = WebSocketTransport::adopt(socket.socket(), &config).await;
    let (server, driver) = accept(transport.expect("the socket is open"))
        .dispatcher(dispatcher)
        .config(config.clone())
        .drive();
    rt::spawn(async { drop(driver.await) });
    server
}

/// Returns the client and the server of a link between two Rust programs.
pub(crate) async fn link(protocol: &str, handler: Handler) -> (TestbedClient, ConnectionHandle) {
    let (socket, server) = serve(protocol, TestbedDispatcher::new(handler)).await;
    (TestbedClient::new(client_on(&socket).await), server)
}

/// Connects a client on an open socket.
pub(crate) async fn client_on(socket: &FakeSocket) -> ConnectionHandle {
    let config = Config::client();
    let transport = WebSocketTransport::adopt(socket.socket(), &config).await;
    let transport = transport.expect("the socket is open");
    let client = roam_core::connect(transport).config(config.clone()).await;
    client.expect("the peer answers")
}

/// Returns the id of a method.
pub(crate) fn method(name: &str) -> u64 {
    let mut methods = testbed_service().methods.iter();
    let method = methods.find(|method| method.name == name);
    method.expect("the method exists").id.0
}
