//! What handlers tell the test.

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// What becomes of a handler that runs until it is stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Report {
    Started,
    Stopped,
}

/// What a handler tells the test by.
#[derive(Clone, Debug)]
pub struct Reporter(UnboundedSender<Report>);

/// What a test is told, in order.
#[derive(Debug)]
pub struct Reports(UnboundedReceiver<Report>);

/// Stopped when it is dropped.
pub struct Running(Reporter);

pub fn reports() -> (Reporter, Reports) {
    let (tx, rx) = unbounded_channel();
    (Reporter(tx), Reports(rx))
}

impl Reporter {
    pub fn run(&self) -> Running {
        self.report(Report::Started);
        Running(self.clone())
    }

    fn report(&self, report: Report) {
        // The test may be over.
        let _ = self.0.send(report);
    }
}

impl Reports {
    pub async fn next(&mut self) -> Report {
        self.0.recv().await.expect("somebody holds the handler")
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.report(Report::Stopped);
    }
}
