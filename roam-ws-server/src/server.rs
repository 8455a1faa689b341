//! The server: every WebSocket that it accepts is a link.

use std::cell::Cell;
use std::convert::Infallible;
use std::fmt;
use std::future::ready;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures::future::{Either, select};
use http::header::{CONNECTION, HeaderValue};
use http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::{TokioIo, TokioTimer};
use roam_core::transport::websocket;
use roam_core::{Config, ConnectionHandle, Links, ServiceDispatcher};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use crate::handshake::{self, UpgradeError};
use crate::origins::Origins;

/// Serves any number of links. Cheap to clone; clones share the bound on links, and are closed
/// together.
///
/// Inside axum, as a route's handler:
///
/// ```
/// use axum::{Router, body::Body, extract::Request, routing::any};
/// use roam_core::NoDispatcher;
/// use roam_ws_server::Server;
///
/// let server = Server::new(NoDispatcher);
/// let rpc = async move |request: Request| match server.upgrade(request) {
///     Ok(response) => response.map(|()| Body::empty()),
///     Err(error) => error.response().map(Body::from),
/// };
/// let app: Router = Router::new().route("/rpc", any(rpc));
/// ```
#[derive(Clone)]
pub struct Server {
    dispatcher: Arc<dyn ServiceDispatcher>,
    config: Arc<Config>,
    origins: Arc<Origins>,
    greet: Arc<dyn Fn(ConnectionHandle) + Send + Sync>,
    slots: Arc<Semaphore>,
    links: Option<Links>,
    /// Why the server is closed, if it is. Every link holds a receiver.
    closing: Arc<watch::Sender<Option<Arc<str>>>>,
}

/// What a link takes from its server, from its first byte to its last.
struct Place {
    _permit: OwnedSemaphorePermit,
    /// The peer's address, where it is known.
    peer: String,
    closing: watch::Receiver<Option<Arc<str>>>,
}

/// How many links a server has at once, unless told otherwise.
const MAX_LINKS: usize = 16_384;
/// How long to wait after the system refused to accept a socket: it has run out of something,
/// which only time brings back.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// The longest head of a request, in bytes: cookies and tokens can take a few KiB.
const MAX_REQUEST: usize = 32 * 1024;

impl Server {
    /// A server that answers calls by `dispatcher`, with the default [`Config`] and [`Origins`],
    /// and at most 16,384 links at once.
    pub fn new(dispatcher: impl ServiceDispatcher) -> Self {
        Self {
            dispatcher: Arc::new(dispatcher),
            config: Arc::new(Config::default()),
            origins: Arc::new(Origins::default()),
            greet: Arc::new(drop),
            slots: Arc::new(Semaphore::new(MAX_LINKS)),
            links: None,
            closing: Arc::new(watch::Sender::new(None)),
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

    /// The same for pages from elsewhere as well.
    #[must_use]
    pub fn with_origins(self, origins: Origins) -> Self {
        Self {
            origins: Arc::new(origins),
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

    /// The same with `greet` called for each link as it begins: to call its peer, to
    /// [listen](ConnectionHandle::listen) for virtual connections, to notice its end.
    #[must_use]
    pub fn with_greeting(self, greet: impl Fn(ConnectionHandle) + Send + Sync + 'static) -> Self {
        Self {
            greet: Arc::new(greet),
            ..self
        }
    }

    /// Accepts sockets until the server is [closed](Self::close), for as long as the future is
    /// polled. The links themselves run in tasks of their own and outlive it. While there are as
    /// many links as there may be, sockets wait to be accepted.
    pub async fn serve(&self, listener: TcpListener) {
        let closed = pin!(closed(self.closing.subscribe()));
        let accepting = pin!(self.accept(listener));
        select(closed, accepting).await;
    }

    async fn accept(&self, listener: TcpListener) {
        while let Ok(permit) = Arc::clone(&self.slots).acquire_owned().await {
            match listener.accept().await {
                Ok((socket, peer)) => {
                    let place = self.place(permit, peer.to_string());
                    tokio::spawn(self.clone().serve_socket(socket, place));
                }
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a socket");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    /// Reads the one request of a socket that was just accepted.
    async fn serve_socket(self, socket: TcpStream, place: Place) {
        // Small messages are coalesced above, so that waiting for more helps nobody.
        let _ = socket.set_nodelay(true);
        let handshake_timeout = self.config.handshake_timeout;
        let place = Cell::new(Some(place));
        let service = service_fn(move |request: Request<Incoming>| {
            // Sockets are not kept for a second request.
            let place = place.take().ok_or(UpgradeError::NotUpgradable);
            let answer =
                place.and_then(|place| self.start(request, Arc::clone(&self.dispatcher), place));
            ready(Ok::<_, Infallible>(match answer {
                Ok(response) => response.map(|()| String::new()),
                Err(error) => last(error.response()),
            }))
        });
        let served = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(handshake_timeout)
            .max_buf_size(MAX_REQUEST)
            .serve_connection(TokioIo::new(socket), service)
            .with_upgrades()
            .await;
        if let Err(error) = served {
            tracing::debug!(%error, "a request for a WebSocket failed");
        }
    }

    /// Takes over the socket of an HTTP request: the response is to be returned to the client, and
    /// the link runs in a task of its own.
    ///
    /// # Errors
    /// The request is no correct WebSocket request, comes from a page that may not connect, or
    /// did not come from hyper; or the server is full or closed. [`UpgradeError::response`] is
    /// what to answer then.
    pub fn upgrade<B>(&self, request: Request<B>) -> Result<Response<()>, UpgradeError> {
        self.upgrade_to(request, Arc::clone(&self.dispatcher))
    }

    /// The same for a link whose calls are answered by a dispatcher of its own: one that knows,
    /// from the request's cookies for example, who calls.
    pub fn upgrade_to<B>(
        &self,
        request: Request<B>,
        dispatcher: impl ServiceDispatcher,
    ) -> Result<Response<()>, UpgradeError> {
        let permit = Arc::clone(&self.slots)
            .try_acquire_owned()
            .map_err(|_| UpgradeError::TooManyLinks)?;
        self.start(
            request,
            Arc::new(dispatcher),
            self.place(permit, String::new()),
        )
    }

    /// Ends all links, each with a Goodbye of that reason, and accepts no more. Ready when they
    /// are over: what was queued on them has been sent, or could not be within 5 seconds.
    pub async fn close(&self, reason: &str) {
        self.closing.send_replace(Some(reason.into()));
        self.closing.closed().await;
    }

    fn place(&self, permit: OwnedSemaphorePermit, peer: String) -> Place {
        let closing = self.closing.subscribe();
        Place {
            _permit: permit,
            peer,
            closing,
        }
    }

    fn start<B>(
        &self,
        mut request: Request<B>,
        dispatcher: Arc<dyn ServiceDispatcher>,
        place: Place,
    ) -> Result<Response<()>, UpgradeError> {
        self.origins.check(request.headers()).map_err(|origin| {
            tracing::warn!(origin, "a page of an origin that may not connect");
            UpgradeError::ForeignOrigin { origin }
        })?;
        let (response, subprotocol) = handshake::answer(&request)?;
        if place.closing.borrow().is_some() {
            return Err(UpgradeError::Closing);
        }
        let upgrade = request
            .extensions_mut()
            .remove::<OnUpgrade>()
            .ok_or(UpgradeError::NotUpgradable)?;
        tokio::spawn(
            self.clone()
                .serve_upgrade(upgrade, subprotocol, dispatcher, place),
        );
        Ok(response)
    }

    async fn serve_upgrade(
        self,
        upgrade: OnUpgrade,
        subprotocol: Option<&'static str>,
        dispatcher: Arc<dyn ServiceDispatcher>,
        place: Place,
    ) {
        let socket = match tokio::time::timeout(self.config.handshake_timeout, upgrade).await {
            Ok(Ok(socket)) => TokioIo::new(socket),
            Ok(Err(error)) => return tracing::debug!(%error, "the upgrade failed"),
            Err(_) => return tracing::debug!("the upgrade took too long"),
        };
        let transport = websocket::accept(socket, subprotocol, &self.config).await;
        let (link, driver) = roam_core::accept(transport, dispatcher, &self.config);
        if let Some(links) = &self.links {
            links.add(&link, place.peer);
        }
        (self.greet)(link.clone());
        let closed = pin!(closed(place.closing.clone()));
        let reason = match select(driver, closed).await {
            Either::Left((reason, _)) => reason,
            Either::Right((why, driver)) => {
                link.close(&why);
                driver.await
            }
        };
        tracing::debug!(%reason, "a link ended");
    }
}

/// A response after which the socket is closed.
fn last<B>(mut response: Response<B>) -> Response<B> {
    let close = HeaderValue::from_static("close");
    response.headers_mut().insert(CONNECTION, close);
    response
}

/// Waits until the server is closed, and tells why.
async fn closed(mut closing: watch::Receiver<Option<Arc<str>>>) -> Arc<str> {
    let reason = closing.wait_for(Option::is_some).await;
    // The server is there for as long as any of its links.
    reason
        .ok()
        .and_then(|reason| reason.clone())
        .unwrap_or_default()
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server")
            .field("config", &self.config)
            .field("origins", &self.origins)
            .field("free_links", &self.slots.available_permits())
            .finish_non_exhaustive()
    }
}
