//! Reports of handlers to the test.

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// A report of a handler that runs until it is aborted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Report {
    Started,
    Stopped,
}

/// The sending half of a test's reports.
#[derive(Clone, Debug)]
pub struct Reporter(UnboundedSender<Report>);

/// The reports to a test, in order.
#[derive(Debug)]
pub struct Reports(UnboundedReceiver<Report>);

/// Reports [`Report::Stopped`] when it is dropped.
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
        // The test may have ended.
        let _ = self.0.send(report);
    }
}

impl Reports {
    pub async fn next(&mut self) -> Report {
        self.0.recv().await.expect("the handler was dropped")
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.report(Report::Stopped);
    }
}
