//! The server: every WebSocket that it accepts is a link.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use roam_core::transport::Transport;
use roam_core::transport::websocket::{WebSocketTransport, socket_config};
use roam_core::{Config, Links, ServiceDispatcher};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::Role;

use crate::handshake::{self, UpgradeError};

/// Serves one dispatcher on any number of links. Cheap to clone; clones share the bound on links.
///
/// Inside axum, as a route's handler:
///
/// ```
/// use axum::{Router, extract::Request, http::StatusCode, response::IntoResponse, routing::any};
/// use roam_core::NoDispatcher;
/// use roam_ws_server::Server;
///
/// let server = Server::new(NoDispatcher);
/// let rpc = async move |request: Request| match server.upgrade(request) {
///     Ok(response) => response.map(|()| axum::body::Body::empty()),
///     Err(error) => (StatusCode::BAD_REQUEST, error.to_string()).into_response(),
/// };
/// let app: Router = Router::new().route("/rpc", any(rpc));
/// ```
#[derive(Clone)]
pub struct Server {
    dispatcher: Arc<dyn ServiceDispatcher>,
    config: Arc<Config>,
    slots: Arc<Semaphore>,
    links: Option<Links>,
}

/// How many links a server has at once, unless told otherwise.
const MAX_LINKS: usize = 16_384;
/// How long to wait after the system refused to accept a socket: it has run out of something,
/// which only time brings back.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

impl Server {
    /// A server that answers calls by `dispatcher`, with the default [`Config`] and at most 16,384
    /// links at once.
    pub fn new(dispatcher: impl ServiceDispatcher) -> Self {
        Self {
            dispatcher: Arc::new(dispatcher),
            config: Arc::new(Config::default()),
            slots: Arc::new(Semaphore::new(MAX_LINKS)),
            links: None,
        }
    }

    /// The same with other settings for its links.
    #[must_use]
    pub fn with_config(self, config: Config) -> Self {
        Self {
            config: Arc::new(config),
            ..self
        }
    }

    /// The same with another bound on the links at once.
    #[must_use]
    pub fn with_max_links(self, links: usize) -> Self {
        Self {
            slots: Arc::new(Semaphore::new(links)),
            ..self
        }
    }

    /// The same, and its links can be asked through `links` what is in flight on them. The name of
    /// each is its peer's address, where that is known.
    #[must_use]
    pub fn with_links(self, links: Links) -> Self {
        Self {
            links: Some(links),
            ..self
        }
    }

    /// Accepts sockets for as long as the future is polled. The links themselves run in tasks of
    /// their own and outlive it. While there are as many links as there may be, sockets wait to
    /// be accepted.
    pub async fn serve(&self, listener: TcpListener) {
        loop {
            let Ok(permit) = Arc::clone(&self.slots).acquire_owned().await else {
                return;
            };
            match listener.accept().await {
                Ok((socket, peer)) => {
                    tokio::spawn(self.clone().serve_socket(socket, peer, permit));
                }
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a socket");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    async fn serve_socket(self, socket: TcpStream, peer: SocketAddr, permit: OwnedSemaphorePermit) {
        // Small messages are coalesced above, so that waiting for more helps nobody.
        let _ = socket.set_nodelay(true);
        let accepting = handshake::accept(socket, &self.config);
        match tokio::time::timeout(self.config.handshake_timeout, accepting).await {
            Ok(Ok(transport)) => self.run(transport, Some(peer), permit).await,
            Ok(Err(error)) => tracing::debug!(%error, "the WebSocket handshake failed"),
            Err(_) => tracing::debug!("the WebSocket handshake took too long"),
        }
    }

    /// Takes over the socket of an HTTP request: the response is to be returned to the client, and
    /// the link runs in a task of its own.
    ///
    /// # Errors
    /// The request is no correct WebSocket request, or did not come from hyper.
    pub fn upgrade<B>(
        &self,
        mut request: http::Request<B>,
    ) -> Result<http::Response<()>, UpgradeError> {
        let (response, subprotocol) = handshake::answer(&request)?;
        let upgrade = request
            .extensions_mut()
            .remove::<OnUpgrade>()
            .ok_or(UpgradeError::NotUpgradable)?;
        let permit = Arc::clone(&self.slots)
            .try_acquire_owned()
            .map_err(|_| UpgradeError::TooManyLinks)?;
        tokio::spawn(self.clone().serve_upgrade(upgrade, subprotocol, permit));
        Ok(response)
    }

    async fn serve_upgrade(
        self,
        upgrade: OnUpgrade,
        subprotocol: Option<&'static str>,
        permit: OwnedSemaphorePermit,
    ) {
        let socket = match tokio::time::timeout(self.config.handshake_timeout, upgrade).await {
            Ok(Ok(socket)) => TokioIo::new(socket),
            Ok(Err(error)) => return tracing::debug!(%error, "the upgrade failed"),
            Err(_) => return tracing::debug!("the upgrade took too long"),
        };
        let socket = WebSocketStream::from_raw_socket(
            socket,
            Role::Server,
            Some(socket_config(&self.config)),
        );
        let transport = WebSocketTransport::new(socket.await, subprotocol);
        self.run(transport, None, permit).await;
    }

    async fn run(
        self,
        transport: impl Transport,
        peer: Option<SocketAddr>,
        _permit: OwnedSemaphorePermit,
    ) {
        let (handle, driver) = roam_core::accept(transport, self.dispatcher, &self.config);
        if let Some(links) = &self.links {
            links.add(
                &handle,
                peer.map_or_else(String::new, |peer| peer.to_string()),
            );
        }
        drop(handle);
        let reason = driver.await;
        tracing::debug!(%reason, "a link ended");
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server")
            .field("config", &self.config)
            .field("free_links", &self.slots.available_permits())
            .finish_non_exhaustive()
    }
}
