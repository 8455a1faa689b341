//! Links between our library and theirs, over real sockets.

use roam_core::client::Dial;
use roam_core::net::stream::StreamTransport;
use roam_core::net::websocket::{self, Subprotocols};
use roam_core::transport::Transport;
use roam_core::{CloseReason, Config, ConnectionHandle, ServiceDispatcher, accept, connect};
use roam_session::{
    ConnectionError, HandshakeConfig, IncomingConnections, MessageTransport, accept_framed,
    initiate_framed,
};
use roam_stream::CobsFramed;
use roam_websocket::WsTransport;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use crate::reports::{Reports, reports};
use crate::{ours, theirs};

/// The transport of a link, and the side that opened it.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    WeConnectByWebSocket,
    TheyConnectByWebSocket,
    WeConnectByTcp,
    TheyConnectByTcp,
}

/// An established link with the service on both sides.
pub struct Link {
    pub ours: ConnectionHandle,
    pub our_reports: Reports,
    pub our_driver: JoinHandle<CloseReason>,
    pub theirs: roam_session::ConnectionHandle,
    pub their_reports: Reports,
    pub their_driver: JoinHandle<Result<(), ConnectionError>>,
    /// The virtual connections that we request.
    pub their_connections: IncomingConnections,
}

/// The initial credit. The peer never grants more, so every stream of a test must fit.
pub const CREDIT: u32 = 64 * 1024;

impl Kind {
    pub const ALL: [Self; 4] = [
        Self::WeConnectByWebSocket,
        Self::TheyConnectByWebSocket,
        Self::WeConnectByTcp,
        Self::TheyConnectByTcp,
    ];

    pub async fn link(self) -> Link {
        self.link_with_credit(CREDIT).await
    }

    pub async fn link_with_credit(self, credit: u32) -> Link {
        let (handler, reports) = ours::testbed_handler();
        let dispatcher = ours::TestbedDispatcher::new(handler);
        self.connect(dispatcher, reports, credit).await
    }

    /// Opens a link with `dispatcher` on our side.
    pub async fn link_to(self, dispatcher: impl ServiceDispatcher) -> Link {
        self.connect(dispatcher, reports().1, CREDIT).await
    }

    async fn connect(
        self,
        dispatcher: impl ServiceDispatcher,
        reports: Reports,
        credit: u32,
    ) -> Link {
        let config = config(credit);
        match self {
            Self::WeConnectByWebSocket => {
                let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
                let url = format!("ws://{}/", listener.local_addr().unwrap());
                let accept = async {
                    let (socket, _) = listener.accept().await.unwrap();
                    their_tungstenite::accept_async(socket).await.unwrap()
                };
                // They never pick a subprotocol.
                let mut dialer = websocket::Dialer::new(&url).offer(Subprotocols::OfferNone);
                let open = dialer.dial(&config);
                let (ours, theirs) = tokio::join!(open, accept);
                let (ours, theirs) = (ours.unwrap(), WsTransport::new(theirs));
                self.establish(ours, dispatcher, reports, theirs, config)
                    .await
            }
            Self::TheyConnectByWebSocket => {
                let (connecting, accepting) = sockets().await;
                let (ours, theirs) = tokio::join!(
                    tokio_tungstenite::accept_async(accepting),
                    their_tungstenite::client_async("ws://localhost/", connecting),
                );
                let socket = ours.unwrap().into_inner();
                let ours = websocket::adopt(socket, None, None, &config).await;
                let theirs = WsTransport::new(theirs.unwrap().0);
                self.establish(ours, dispatcher, reports, theirs, config)
                    .await
            }
            Self::WeConnectByTcp => {
                let (connecting, accepting) = sockets().await;
                let (ours, theirs) = (StreamTransport::new(connecting), CobsFramed::new(accepting));
                self.establish(ours, dispatcher, reports, theirs, config)
                    .await
            }
            Self::TheyConnectByTcp => {
                let (connecting, accepting) = sockets().await;
                let (ours, theirs) = (StreamTransport::new(accepting), CobsFramed::new(connecting));
                self.establish(ours, dispatcher, reports, theirs, config)
                    .await
            }
        }
    }

    async fn establish(
        self,
        ours: impl Transport,
        dispatcher: impl ServiceDispatcher,
        our_reports: Reports,
        theirs: impl MessageTransport + 'static,
        config: Config,
    ) -> Link {
        let (ours, driver) = if self.we_connect() {
            connect(ours)
                .dispatcher(dispatcher)
                .config(config.clone())
                .drive()
        } else {
            accept(ours)
                .dispatcher(dispatcher)
                .config(config.clone())
                .drive()
        };
        let our_driver = tokio::spawn(driver);

        let (handler, their_reports) = theirs::testbed_handler();
        let dispatcher = theirs::TestbedDispatcher::new(handler);
        let config = HandshakeConfig {
            initial_channel_credit: config.initial_channel_credit,
            ..HandshakeConfig::default()
        };
        let established = if self.we_connect() {
            accept_framed(theirs, config, dispatcher).await
        } else {
            initiate_framed(theirs, config, dispatcher).await
        };
        let (theirs, their_connections, driver) = established.unwrap();
        let their_driver = tokio::spawn(driver.run());

        ours.ready().await.unwrap();
        Link {
            ours,
            our_reports,
            our_driver,
            theirs,
            their_reports,
            their_driver,
            their_connections,
        }
    }

    fn we_connect(self) -> bool {
        matches!(self, Self::WeConnectByWebSocket | Self::WeConnectByTcp)
    }
}

impl Link {
    pub fn our_client(&self) -> ours::TestbedClient {
        ours::TestbedClient::new(self.ours.clone())
    }

    pub fn their_client(&self) -> theirs::TestbedClient {
        theirs::TestbedClient::new(self.theirs.clone())
    }

    /// Asserts that calls in both directions still work.
    pub async fn assert_works(&self) {
        let (ours, theirs) = (self.our_client(), self.their_client());
        assert_eq!(
            ours.echo("still works".to_owned()).await.unwrap(),
            "still works"
        );
        assert_eq!(
            theirs.echo("still works".to_owned()).await.unwrap(),
            "still works"
        );
    }

    /// Waits until our side holds no calls and no channels.
    pub async fn wait_until_idle(&self) {
        loop {
            let stats = self.ours.stats();
            if stats.outgoing_calls + stats.incoming_calls + stats.channels == 0 {
                return;
            }
            tokio::task::yield_now().await;
        }
    }
}

fn config(initial_channel_credit: u32) -> Config {
    Config::default().with_initial_channel_credit(initial_channel_credit)
}

/// Returns the connecting and the accepting socket of a TCP connection.
pub async fn sockets() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let connecting = TcpStream::connect(listener.local_addr().unwrap())
        .await
        .unwrap();
    let (accepting, _) = listener.accept().await.unwrap();
    (connecting, accepting)
}
