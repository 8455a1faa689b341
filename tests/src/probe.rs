//! The service `Probe`, whose handlers report to the test and hand it their channel halves.
#![expect(clippy::missing_panics_doc, reason = "a test that panics has failed")]

use std::future::pending;

use bytes::Bytes;
use roam_core::{ConnectionHandle, Context, MethodId, Rx, Schema, Tx, channel, service};
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// A type that nests without limit.
#[derive(Debug, Serialize, Deserialize, Schema)]
pub struct Nest(pub Option<Box<Nest>>);

/// A service with a method for everything that can go wrong.
#[service]
pub trait Probe {
    /// Returns `bytes`.
    async fn echo(&self, bytes: Bytes) -> Bytes;
    /// Hands the test the connection that carried the call.
    async fn meet(&self);
    /// Runs until it is aborted.
    async fn hold(&self);
    /// Hands the test the receiver and runs until it is aborted.
    async fn take(&self, input: Rx<String>);
    /// Waits for an element on `start`, then counts empty elements.
    async fn count_empty(&self, input: Rx<()>, start: Rx<()>) -> u32;
    /// Hands the test the sender and runs until it is aborted.
    async fn give(&self, output: Tx<String>);
    /// Hands the test both halves and runs until it is aborted.
    async fn both(&self, input: Rx<String>, output: Tx<String>);
    /// Returns the receiver of a channel and hands the test the sender.
    async fn stream(&self) -> Rx<String>;
    /// Accepts a value that nests without limit.
    async fn nest(&self, nest: Nest);
    /// Accepts a list of elements without bytes.
    async fn nothings(&self, nothings: Vec<()>);
    /// Returns `len` bytes.
    async fn fill(&self, len: u32) -> Bytes;
    /// Sends elements of `len` bytes until it is aborted.
    async fn pour(&self, len: u32, output: Tx<Bytes>);
    /// Panics.
    async fn panic(&self);
}

/// An event that a handler reports to the test.
#[derive(Debug)]
pub enum Event {
    /// `meet` was called on this connection.
    Met(ConnectionHandle),
    /// A handler that runs until it is aborted has started.
    Started(&'static str),
    /// That handler was aborted or has returned.
    Stopped(&'static str),
    /// The receiver of `take` or `both`.
    Input(Rx<String>),
    /// The sender of `give`, `both` or `stream`.
    Output(Tx<String>),
}

/// The handler of [`Probe`], which reports to the test.
#[derive(Clone, Debug)]
pub struct ProbeHandler(UnboundedSender<Event>);

/// The events of a handler, in order.
#[derive(Debug)]
pub struct Events(UnboundedReceiver<Event>);

/// Returns a handler and its events.
pub fn probe_handler() -> (ProbeHandler, Events) {
    let (tx, rx) = unbounded_channel();
    (ProbeHandler(tx), Events(rx))
}

/// Reports [`Event::Stopped`] when it is dropped.
struct Running(ProbeHandler, &'static str);

impl ProbeHandler {
    fn report(&self, event: Event) {
        // The test may have ended.
        let _ = self.0.send(event);
    }

    fn run(&self, name: &'static str) -> Running {
        self.report(Event::Started(name));
        Running(self.clone(), name)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.report(Event::Stopped(self.1));
    }
}

impl Probe for ProbeHandler {
    async fn echo(&self, _: &Context, bytes: Bytes) -> Bytes {
        bytes
    }

    async fn meet(&self, cx: &Context) {
        self.report(Event::Met(cx.connection().clone()));
    }

    async fn hold(&self, _: &Context) {
        let _running = self.run("hold");
        pending::<()>().await;
    }

    async fn take(&self, _: &Context, input: Rx<String>) {
        let _running = self.run("take");
        self.report(Event::Input(input));
        pending::<()>().await;
    }

    async fn count_empty(&self, _: &Context, mut input: Rx<()>, mut start: Rx<()>) -> u32 {
        let _running = self.run("count_empty");
        start.recv().await.expect("start was reset");
        let mut count = 0;
        while let Some(()) = input.recv().await.expect("input was reset") {
            count += 1;
        }
        count
    }

    async fn give(&self, _: &Context, output: Tx<String>) {
        let _running = self.run("give");
        self.report(Event::Output(output));
        pending::<()>().await;
    }

    async fn both(&self, _: &Context, input: Rx<String>, output: Tx<String>) {
        let _running = self.run("both");
        self.report(Event::Input(input));
        self.report(Event::Output(output));
        pending::<()>().await;
    }

    async fn stream(&self, _: &Context) -> Rx<String> {
        let (tx, rx) = channel();
        self.report(Event::Output(tx));
        rx
    }

    async fn nest(&self, _: &Context, _: Nest) {}

    async fn nothings(&self, _: &Context, _: Vec<()>) {}

    async fn fill(&self, _: &Context, len: u32) -> Bytes {
        vec![7; len as usize].into()
    }

    async fn pour(&self, _: &Context, len: u32, output: Tx<Bytes>) {
        let _running = self.run("pour");
        let element = Bytes::from(vec![7; len as usize]);
        while output.send(&element).await.is_ok() {}
    }

    async fn panic(&self, _: &Context) {
        panic!("requested by the test")
    }
}

impl Events {
    /// Waits for the next event.
    pub async fn next(&mut self) -> Event {
        self.0.recv().await.expect("the handler was dropped")
    }

    /// Waits for a call of `meet` and returns its connection.
    pub async fn met(&mut self) -> ConnectionHandle {
        match self.next().await {
            Event::Met(connection) => connection,
            other => panic!("{other:?}"),
        }
    }

    /// Waits until a handler starts and returns its name.
    pub async fn started(&mut self) -> &'static str {
        match self.next().await {
            Event::Started(name) => name,
            other => panic!("{other:?}"),
        }
    }

    /// Waits until a handler stops and returns its name.
    pub async fn stopped(&mut self) -> &'static str {
        match self.next().await {
            Event::Stopped(name) => name,
            other => panic!("{other:?}"),
        }
    }

    /// Waits for a handler's receiver.
    pub async fn input(&mut self) -> Rx<String> {
        match self.next().await {
            Event::Input(input) => input,
            other => panic!("{other:?}"),
        }
    }

    /// Waits for a handler's sender.
    pub async fn output(&mut self) -> Tx<String> {
        match self.next().await {
            Event::Output(output) => output,
            other => panic!("{other:?}"),
        }
    }
}

/// Returns the id of a method of `Probe`.
pub fn method(name: &str) -> MethodId {
    let methods = &probe_service().methods;
    methods
        .iter()
        .find(|method| method.name == name)
        .expect("Probe has no such method")
        .id
}
