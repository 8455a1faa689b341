//! The service `Probe`: its handlers tell the test what becomes of them, and hand it their ends.
#![expect(clippy::missing_panics_doc, reason = "a test that panics has failed")]

use std::future::pending;

use bytes::Bytes;
use roam_core::{ConnectionHandle, Context, MethodId, Rx, Schema, Tx, channel, service};
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// A type without end.
#[derive(Debug, Serialize, Deserialize, Schema)]
pub struct Nest(pub Option<Box<Nest>>);

/// A method for everything that can go wrong.
#[service]
pub trait Probe {
    /// Says what it hears.
    async fn echo(&self, bytes: Bytes) -> Bytes;
    /// Hands the test the connection on which it was called.
    async fn meet(&self);
    /// Runs until it is stopped.
    async fn hold(&self);
    /// Hands the test the receiving end, and runs until it is stopped.
    async fn take(&self, input: Rx<String>);
    /// Counts elements without bytes, once it may.
    async fn count_empty(&self, input: Rx<()>, start: Rx<()>) -> u32;
    /// Hands the test the sending end, and runs until it is stopped.
    async fn give(&self, output: Tx<String>);
    /// Takes two ends at once, and runs until it is stopped.
    async fn both(&self, input: Rx<String>, output: Tx<String>);
    /// Returns the receiving end of a channel, and hands the test the other.
    async fn stream(&self) -> Rx<String>;
    /// Takes a value that can be nested without end.
    async fn nest(&self, nest: Nest);
    /// Takes a list of nothing.
    async fn nothings(&self, nothings: Vec<()>);
    /// Returns so many bytes.
    async fn fill(&self, len: u32) -> Bytes;
    /// Sends elements of so many bytes until it is stopped.
    async fn pour(&self, len: u32, output: Tx<Bytes>);
    /// Panics.
    async fn panic(&self);
}

/// What a handler tells the test.
#[derive(Debug)]
pub enum Event {
    /// The connection on which `meet` was called.
    Met(ConnectionHandle),
    /// A handler that runs until it is stopped has begun.
    Started(&'static str),
    /// It is gone.
    Stopped(&'static str),
    /// What `take` and `both` receive from.
    Input(Rx<String>),
    /// What `give`, `both` and `stream` send to.
    Output(Tx<String>),
}

/// Answers, and reports to a test.
#[derive(Clone, Debug)]
pub struct Reporting(UnboundedSender<Event>);

/// What a test is told, in order.
#[derive(Debug)]
pub struct Events(UnboundedReceiver<Event>);

/// A handler, and what it tells the test.
pub fn reporting() -> (Reporting, Events) {
    let (tx, rx) = unbounded_channel();
    (Reporting(tx), Events(rx))
}

/// Tells the test when it is dropped.
struct Running(Reporting, &'static str);

impl Reporting {
    fn report(&self, event: Event) {
        // The test may be over.
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

impl Probe for Reporting {
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
        start.recv().await.expect("the test starts it");
        let mut count = 0;
        while let Some(()) = input.recv().await.expect("a clean end") {
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
        panic!("as the test wants it")
    }
}

impl Events {
    /// The next event.
    pub async fn next(&mut self) -> Event {
        self.0
            .recv()
            .await
            .expect("an event: somebody holds the handler")
    }

    /// The connection on which `meet` was called.
    pub async fn met(&mut self) -> ConnectionHandle {
        match self.next().await {
            Event::Met(connection) => connection,
            other => panic!("{other:?}"),
        }
    }

    /// The next handler to begin.
    pub async fn started(&mut self) -> &'static str {
        match self.next().await {
            Event::Started(name) => name,
            other => panic!("{other:?}"),
        }
    }

    /// The next handler to be stopped.
    pub async fn stopped(&mut self) -> &'static str {
        match self.next().await {
            Event::Stopped(name) => name,
            other => panic!("{other:?}"),
        }
    }

    /// The receiving end of a handler that has begun.
    pub async fn input(&mut self) -> Rx<String> {
        match self.next().await {
            Event::Input(input) => input,
            other => panic!("{other:?}"),
        }
    }

    /// The sending end of a handler that has begun.
    pub async fn output(&mut self) -> Tx<String> {
        match self.next().await {
            Event::Output(output) => output,
            other => panic!("{other:?}"),
        }
    }
}

/// The id of a method of `Probe`.
pub fn method(name: &str) -> MethodId {
    let methods = &probe_service().methods;
    methods
        .iter()
        .find(|method| method.name == name)
        .expect("a method of Probe")
        .id
}
