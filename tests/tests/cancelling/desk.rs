//! The service of these tests, whose handlers tell the test what they see.

use std::sync::Arc;

use roam_core::{Context, Rx, Tx, channel, service};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::{Notify, Semaphore};

/// What the handler of `stay`, `give` and `take` returns.
pub(crate) const ANSWER: u32 = 7;
/// The element that a sender sends when it is told to.
pub(crate) const ELEMENT: u32 = 1;

/// A method for each kind of call. All but `lend` run until the test releases them.
#[service]
pub(crate) trait Desk {
    async fn stay(&self) -> u32;
    async fn give(&self, output: Tx<u32>) -> u32;
    async fn take(&self, input: Rx<u32>) -> u32;
    /// Returns at once, and goes on to send.
    async fn lend(&self) -> Rx<u32>;
}

/// A kind of call: a column of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Plain,
    Tx,
    Rx,
    Returned,
}

impl Kind {
    pub(crate) const ALL: [Self; 4] = [Self::Plain, Self::Tx, Self::Rx, Self::Returned];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain call",
            Self::Tx => "`Tx` argument",
            Self::Rx => "`Rx` argument",
            Self::Returned => "returned `Rx`",
        }
    }
}

/// What the other side of a call sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Saw {
    Began,
    /// The handler was aborted.
    Aborted,
    /// The handler returned.
    Returned,
    /// The reader got an element.
    Element,
    /// The half that sends learned that nobody reads any more.
    SenderFails,
    /// The half that receives got an error.
    ReaderFails,
    /// The half that receives saw that the channel was closed.
    CleanEnd,
}

/// The handler of [`Desk`]. Halves are held by tasks that outlive it.
#[derive(Clone)]
pub(crate) struct Clerk {
    told: UnboundedSender<Saw>,
    /// Lets the handler return.
    pub(crate) release: Arc<Semaphore>,
    /// Makes the sender send one element.
    pub(crate) send: Arc<Notify>,
}

pub(crate) fn clerk() -> (Clerk, UnboundedReceiver<Saw>) {
    let (told, seen) = unbounded_channel();
    let clerk = Clerk {
        told,
        release: Arc::new(Semaphore::new(0)),
        send: Arc::default(),
    };
    (clerk, seen)
}

/// Tells that its handler was aborted, unless that has returned.
struct Running(Clerk, bool);

impl Drop for Running {
    fn drop(&mut self) {
        self.0
            .tell(if self.1 { Saw::Returned } else { Saw::Aborted });
    }
}

impl Clerk {
    fn tell(&self, saw: Saw) {
        // The test may have ended.
        let _ = self.told.send(saw);
    }

    async fn run(&self) -> u32 {
        let mut running = Running(self.clone(), false);
        self.tell(Saw::Began);
        let permit = self.release.acquire().await;
        permit.expect("nobody closes it").forget();
        running.1 = true;
        ANSWER
    }

    async fn watch_sender(self, output: Tx<u32>) {
        loop {
            tokio::select! {
                _ = output.closed() => return self.tell(Saw::SenderFails),
                () = self.send.notified() => {}
            }
            if output.send(ELEMENT).await.is_err() {
                return self.tell(Saw::SenderFails);
            }
        }
    }

    async fn watch_reader(self, mut input: Rx<u32>) {
        loop {
            match input.recv().await {
                Ok(Some(_)) => self.tell(Saw::Element),
                Ok(None) => return self.tell(Saw::CleanEnd),
                Err(_) => return self.tell(Saw::ReaderFails),
            }
        }
    }
}

impl Desk for Clerk {
    async fn stay(&self, _: &Context) -> u32 {
        self.run().await
    }

    async fn give(&self, _: &Context, output: Tx<u32>) -> u32 {
        tokio::spawn(self.clone().watch_sender(output));
        self.run().await
    }

    async fn take(&self, _: &Context, input: Rx<u32>) -> u32 {
        tokio::spawn(self.clone().watch_reader(input));
        self.run().await
    }

    async fn lend(&self, _: &Context) -> Rx<u32> {
        let (output, input) = channel();
        tokio::spawn(self.clone().watch_sender(output));
        self.tell(Saw::Began);
        input
    }
}
