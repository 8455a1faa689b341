//! A simulated page.

use roam_core::proto::Framing;
use roam_core::transport::memory_pair;
use roam_core::{Config, ConnectionHandle, Context, RoutedDispatcher, accept, connect};
use tokio::sync::mpsc;
use web_demo::api::{Attention, Page, PageDispatcher, Progress};

/// A call from the server to the page.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Called {
    Sending(Progress),
    Nudged(String),
}

struct Recorder(mpsc::UnboundedSender<Called>);

impl Page for Recorder {
    async fn sending(&self, _: &Context, progress: Progress) {
        let _ = self.0.send(Called::Sending(progress));
    }

    async fn nudged(&self, _: &Context, by: String) -> Attention {
        let _ = self.0.send(Called::Nudged(by));
        Attention::Hidden
    }
}

/// Connects a page to `server`, with channel windows of 64 KiB. Also returns the server's calls to
/// it.
pub(crate) async fn open_page(
    server: &RoutedDispatcher,
) -> (ConnectionHandle, mpsc::UnboundedReceiver<Called>) {
    let (ours, theirs) = memory_pair(Framing::Packed);
    let (_, driver) = accept(theirs).dispatcher(server.clone()).drive();
    tokio::spawn(driver);
    let (called, calls) = mpsc::unbounded_channel();
    let config = Config::client().with_initial_channel_credit(64 * 1024);
    let page = connect(ours)
        .dispatcher(PageDispatcher::new(Recorder(called)))
        .config(config.clone())
        .await;
    (page.expect("the handshake succeeds"), calls)
}
