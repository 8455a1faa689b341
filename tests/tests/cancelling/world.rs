//! A caller, a handler, and no, one or two proxies between them.

use roam_core::net::websocket;
use roam_core::proxy::ForwardingDispatcher;
use roam_core::{Config, ConnectionHandle, ServiceDispatcher};
use roam_faults::{Cut, Fault, FaultProxy};
use roam_tests::endpoint::serve;
use roam_ws_server::Server;
use tokio::runtime::Runtime;
use tokio::sync::mpsc::UnboundedReceiver;

use crate::desk::{Clerk, DeskClient, DeskDispatcher, Saw, clerk};

/// How many links there are between the caller and the handler: direct, and with one and two proxies.
pub(crate) const LINKS: [usize; 3] = [1, 2, 3];

pub(crate) struct World {
    pub(crate) clerk: Clerk,
    pub(crate) seen: UnboundedReceiver<Saw>,
    /// The caller's link, run by `process`.
    pub(crate) link: ConnectionHandle,
    pub(crate) process: Option<Runtime>,
    /// A network for each link, from the caller on.
    networks: Vec<FaultProxy>,
    /// The links of the proxies to their upstreams.
    upstreams: Vec<ConnectionHandle>,
    config: Config,
}

impl World {
    pub(crate) async fn new(config: Config, links: usize) -> Self {
        let (clerk, seen) = clerk();
        let mut networks = vec![network(&config, DeskDispatcher::new(clerk.clone())).await];
        let mut upstreams = Vec::new();
        for _ in 1..links {
            let upstream = connect(url(&networks[0])).await;
            let network = network(&config, ForwardingDispatcher::new(upstream.clone())).await;
            upstreams.push(upstream);
            networks.insert(0, network);
        }
        let process = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("failed to build a runtime");
        let link = process.spawn(connect(url(&networks[0])));
        Self {
            clerk,
            seen,
            link: link.await.expect("connecting panicked"),
            process: Some(process),
            networks,
            upstreams,
            config,
        }
    }

    pub(crate) fn desk(&self) -> DeskClient {
        DeskClient::new(self.link.clone())
    }

    /// Ends the caller's process without any Goodbye.
    pub(crate) fn kill_caller(&mut self) {
        if let Some(process) = self.process.take() {
            process.shutdown_background();
        }
    }

    pub(crate) fn cut(&self, link: usize) {
        self.networks[link].inject(Fault::Cut(Cut::Reset));
    }

    /// Waits until no call and no channel is left on any link.
    pub(crate) async fn until_idle(&self) {
        for link in self.upstreams.iter().chain([&self.link]) {
            loop {
                let stats = link.stats();
                if stats.outgoing_calls + stats.channels == 0 {
                    break;
                }
                tokio::task::yield_now().await;
            }
        }
    }

    /// Cuts all links, and waits until they have other sockets.
    pub(crate) async fn cut_all(&self) {
        assert!(!self.config.keep.is_zero(), "the links survive it");
        for link in 0..self.networks.len() {
            self.cut(link);
        }
        for network in &self.networks {
            network.connection(2).await;
        }
    }
}

impl Drop for World {
    fn drop(&mut self) {
        // Otherwise the runtime would be dropped within another, which may not wait.
        self.kill_caller();
    }
}

/// Starts a server behind a network.
async fn network(config: &Config, dispatcher: impl ServiceDispatcher) -> FaultProxy {
    let server = Server::new(dispatcher).with_config(config.clone());
    let (address, _) = serve(server).await;
    FaultProxy::start(address).await.expect("a free port")
}

fn url(network: &FaultProxy) -> String {
    format!("ws://{}/", network.addr())
}

async fn connect(url: String) -> ConnectionHandle {
    websocket::connect(&url).await.expect("the server is there")
}
