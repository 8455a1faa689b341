//! The server: each WebSocket it accepts carries one link.

use std::cell::Cell;
use std::convert::Infallible;
use std::fmt;
use std::future::ready;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures::future::select;
use http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::{TokioIo, TokioTimer};
use roam_core::net::websocket::{LINK, ServerTransport};
use roam_core::proto::{Drain, Refusal, SharedMemory};
use roam_core::server::Acceptor;
use roam_core::{Config, ConnectionHandle, Identity, ServiceDispatcher, diagnostics::Links};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use crate::admission::{Admission, Admit};
use crate::handshake::{self, UpgradeError};
use crate::memory;
use crate::origins::Origins;

mod upgraded;

use upgraded::Upgraded;

/// A WebSocket server for roam.
///
/// Cheap to clone. Clones share the limit on links and are closed together.
///
/// Inside axum, as a route's handler, without Nagle's algorithm, which delays small messages by up to 40 ms:
///
/// ```no_run
/// use axum::{Router, body::Body, extract::Request, routing::any, serve::ListenerExt as _};
/// use roam_core::NoDispatcher;
/// use roam_ws_server::Server;
///
/// let server = Server::new(NoDispatcher);
/// let rpc = async move |request: Request| match server.upgrade(request) {
///     Ok(response) => response.map(|()| Body::empty()),
///     Err(error) => error.response().map(Body::from),
/// };
/// let app: Router = Router::new().route("/rpc", any(rpc));
/// # async fn serve(app: Router) -> std::io::Result<()> {
/// let listener = tokio::net::TcpListener::bind("127.0.0.1:8080").await?;
/// let listener = listener.tap_io(|socket| drop(socket.set_nodelay(true)));
/// axum::serve(listener, app).await
/// # }
/// ```
#[derive(Clone)]
pub struct Server {
    dispatcher: Arc<dyn ServiceDispatcher>,
    config: Arc<Config>,
    memory: Arc<SharedMemory>,
    origins: Arc<Origins>,
    greet: Arc<dyn Fn(ConnectionHandle) + Send + Sync>,
    admit: Option<Arc<Admit>>,
    acceptor: Acceptor<Socket>,
    /// How many links the acceptor keeps, if it was told.
    max_detached: Option<usize>,
    /// One permit for each link.
    slots: Arc<Semaphore>,
    /// One permit for each socket without a link.
    lobby: Arc<Semaphore>,
    links: Option<Links>,
    /// The reason for closing, once the server is closed. Every link holds a receiver, so that
    /// [`close`](Self::close) can wait for all of them.
    closing: Arc<watch::Sender<Option<Arc<str>>>>,
    /// The last advice to all links.
    advice: Arc<watch::Sender<Option<Drain>>>,
}

/// A socket's share of the server, held from the accepted socket to the end of its link.
pub(crate) struct Slot {
    /// Of the lobby, until it is exchanged for that of a link.
    pub(crate) permit: OwnedSemaphorePermit,
    pub(crate) peer: Option<SocketAddr>,
    pub(crate) closing: watch::Receiver<Option<Arc<str>>>,
}

/// The sockets that carry links.
type Socket = ServerTransport<TokioIo<hyper::upgrade::Upgraded>>;

/// The default limit on open links.
const MAX_LINKS: usize = 16_384;
/// The most sockets without a link. A bound of their own lets links return to a full server.
const MAX_LOBBY: usize = 1_024;
/// The pause after a failed `accept`, in which the system may free what it has run out of.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// The longest request head, in bytes. Cookies and tokens can take a few KiB.
const MAX_REQUEST: usize = 32 * 1024;

impl Server {
    /// Creates a server that answers calls with `dispatcher`, using the default [`Config`] and
    /// [`Origins`] and at most 16,384 links at once.
    pub fn new(dispatcher: impl ServiceDispatcher) -> Self {
        let memory = memory::half();
        let config = Config::default().with_memory(Arc::clone(&memory));
        Self {
            dispatcher: Arc::new(dispatcher),
            config: Arc::new(config.clone()),
            memory,
            origins: Arc::new(Origins::default()),
            greet: Arc::new(drop),
            admit: None,
            acceptor: Acceptor::new(config),
            max_detached: None,
            slots: Arc::new(Semaphore::new(MAX_LINKS)),
            lobby: Arc::new(Semaphore::new(MAX_LOBBY)),
            links: None,
            closing: Arc::new(watch::Sender::new(None)),
            advice: Arc::new(watch::Sender::new(None)),
        }
    }

    /// Sets the configuration of the links. Without [`Config::memory`], they share half of the memory of this
    /// process's control group or machine, as far as the system tells. While that is used up, new links are
    /// refused and new calls are answered `busy`.
    #[must_use]
    pub fn with_config(self, mut config: Config) -> Self {
        let memory = Arc::clone(config.memory.get_or_insert(self.memory));
        let acceptor = Acceptor::new(config.clone());
        Self {
            memory,
            acceptor: match self.max_detached {
                Some(links) => acceptor.with_max_detached(links),
                None => acceptor,
            },
            config: Arc::new(config),
            ..self
        }
    }

    /// Sets which pages may connect.
    #[must_use]
    pub fn with_origins(self, origins: Origins) -> Self {
        Self {
            origins: Arc::new(origins),
            ..self
        }
    }

    /// Sets how many links may be open at once.
    #[must_use]
    pub fn with_max_links(self, links: usize) -> Self {
        Self {
            slots: Arc::new(Semaphore::new(links)),
            ..self
        }
    }

    /// Sets how many links are kept while they have no socket; 1,024 by default. For one more, the link that lost its
    /// socket first is given up.
    #[must_use]
    pub fn with_max_detached(self, links: usize) -> Self {
        Self {
            acceptor: self.acceptor.with_max_detached(links),
            max_detached: Some(links),
            ..self
        }
    }

    /// Adds the server's links to `links`, which reports what is in flight on them. Each is named
    /// after its peer's address, where known.
    #[must_use]
    pub fn with_links(self, links: Links) -> Self {
        Self {
            links: Some(links),
            ..self
        }
    }

    /// Calls `greet` with each new link before anything is received on it, for example to call its
    /// peer, to [listen](ConnectionHandle::listen) for virtual connections without missing any, or to
    /// watch for its end.
    #[must_use]
    pub fn with_greeting(self, greet: impl Fn(ConnectionHandle) + Send + Sync + 'static) -> Self {
        Self {
            greet: Arc::new(greet),
            ..self
        }
    }

    /// Asks `admit` about each socket on which a peer wants a link, new or existing, before anything else
    /// is read. It says who the peer is, or refuses the socket. Only the peer that opened a link can return
    /// to it: the subject of its identity must be the same. The same goes for a token that a link is
    /// [asked for](ConnectionHandle::ask_for_token).
    ///
    /// ```
    /// use roam_core::proto::{Close, Refusal, SharedMemory};
    /// use roam_core::{Identity, NoDispatcher};
    /// use roam_ws_server::{Admission, Server};
    ///
    /// let server = Server::new(NoDispatcher).with_admission(async |peer: Admission| {
    ///     match peer.metadata.get_str("authorization") {
    ///         Some("Bearer 123") => Ok(Some(Identity::new("ann"))),
    ///         _ => Err(Refusal::new(Close::TOKEN, "who are you?")),
    ///     }
    /// });
    /// ```
    #[must_use]
    pub fn with_admission<F, A>(self, admit: F) -> Self
    where
        F: Fn(Admission) -> A + Send + Sync + 'static,
        A: Future<Output = Result<Option<Identity>, Refusal>> + Send + 'static,
    {
        Self {
            admit: Some(Arc::new(move |peer| Box::pin(admit(peer)))),
            ..self
        }
    }

    /// Accepts sockets until the server is [closed](Self::close).
    ///
    /// Dropping the future stops accepting; the links run in their own tasks and outlive it. At the limit on
    /// links, new ones are refused: with status 503, or with code 4429 where links can return.
    pub async fn serve(&self, listener: TcpListener) {
        let closed = pin!(closed(self.closing.subscribe()));
        let accepting = pin!(self.accept(listener));
        select(closed, accepting).await;
    }

    async fn accept(&self, listener: TcpListener) {
        while let Ok(permit) = Arc::clone(&self.lobby).acquire_owned().await {
            match listener.accept().await {
                Ok((socket, peer)) => {
                    let slot = self.slot(permit, Some(peer));
                    tokio::spawn(self.clone().serve_socket(socket, slot));
                }
                Err(error) => {
                    tracing::warn!(%error, "failed to accept a socket");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    /// Serves the single request of a newly accepted socket.
    async fn serve_socket(self, socket: TcpStream, slot: Slot) {
        // The link already coalesces small messages; Nagle's algorithm would only add delay.
        let _ = socket.set_nodelay(true);
        let handshake_timeout = self.config.handshake_timeout;
        let slot = Cell::new(Some(slot));
        let service = service_fn(move |request: Request<Incoming>| {
            // A socket serves only one request.
            let slot = slot.take().ok_or(UpgradeError::NotUpgradable);
            let answer =
                slot.and_then(|slot| self.start(request, Arc::clone(&self.dispatcher), slot));
            ready(Ok::<_, Infallible>(match answer {
                Ok(response) => response.map(|()| String::new()),
                Err(error) => handshake::close_after(error.response()),
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
            tracing::debug!(%error, "failed to serve a WebSocket request");
        }
    }

    /// Upgrades an HTTP request to a link and returns the response to send to the client. The link
    /// runs in its own task.
    ///
    /// # Errors
    /// Fails if the request is not a valid WebSocket handshake, comes from a page that may not
    /// connect, or was not received by hyper, or if the server is full or closed. Answer it with
    /// [`UpgradeError::response`].
    pub fn upgrade<B>(&self, request: Request<B>) -> Result<Response<()>, UpgradeError> {
        self.upgrade_to(request, Arc::clone(&self.dispatcher))
    }

    /// Like [`upgrade`](Self::upgrade), with a dispatcher for this link alone, for example one that
    /// knows the caller from the request's cookies.
    ///
    /// # Errors
    /// The same as those of [`upgrade`](Self::upgrade).
    pub fn upgrade_to<B>(
        &self,
        request: Request<B>,
        dispatcher: impl ServiceDispatcher,
    ) -> Result<Response<()>, UpgradeError> {
        let permit = Arc::clone(&self.lobby)
            .try_acquire_owned()
            .map_err(|_| UpgradeError::TooManyLinks)?;
        self.start(request, Arc::new(dispatcher), self.slot(permit, None))
    }

    /// Closes all links with a Goodbye carrying `reason`, and accepts no more. Waits until they have
    /// ended; each gets up to 5 seconds to send what is queued.
    pub async fn close(&self, reason: &str) {
        self.closing.send_replace(Some(reason.into()));
        self.closing.closed().await;
    }

    /// Advises all peers that have a link now to go elsewhere: to another socket, or to another link. Those who do not
    /// follow stay where they are; [`close`](Self::close) ends what is left.
    ///
    /// ```no_run
    /// # async fn leave(server: roam_ws_server::Server) {
    /// use std::time::Duration;
    /// use roam_core::proto::Drain;
    ///
    /// // This process is about to end. The load balancer sends new sockets to others.
    /// let (min, max) = (Duration::ZERO, Duration::from_secs(20));
    /// server.drain(Drain { another_link: true, min, max });
    /// tokio::time::sleep(max * 2).await;
    /// server.close("the process ends").await;
    /// # }
    /// ```
    pub fn drain(&self, advice: Drain) {
        self.advice.send_replace(Some(advice));
    }

    fn slot(&self, permit: OwnedSemaphorePermit, peer: Option<SocketAddr>) -> Slot {
        let closing = self.closing.subscribe();
        Slot {
            permit,
            peer,
            closing,
        }
    }

    fn start<B>(
        &self,
        mut request: Request<B>,
        dispatcher: Arc<dyn ServiceDispatcher>,
        mut slot: Slot,
    ) -> Result<Response<()>, UpgradeError> {
        self.origins.check(request.headers()).map_err(|origin| {
            tracing::warn!(origin, "rejected a page from a foreign origin");
            UpgradeError::ForeignOrigin { origin }
        })?;
        let (response, subprotocol) = handshake::answer(&request)?;
        if slot.closing.borrow().is_some() {
            return Err(UpgradeError::Closing);
        }
        let upgrade = request
            .extensions_mut()
            .remove::<OnUpgrade>()
            .ok_or(UpgradeError::NotUpgradable)?;
        if subprotocol != Some(LINK) {
            slot.permit = self.link_permit().ok_or(UpgradeError::TooManyLinks)?;
        }
        let (request, _) = request.into_parts();
        let socket = Upgraded {
            upgrade,
            subprotocol,
            request,
            slot,
        };
        tokio::spawn(self.clone().serve_upgrade(socket, dispatcher));
        Ok(response)
    }

    /// Returns the permit for another link, if the server has room for one.
    fn link_permit(&self) -> Option<OwnedSemaphorePermit> {
        if self.memory.is_exceeded() {
            return None;
        }
        Arc::clone(&self.slots).try_acquire_owned().ok()
    }
}

/// Waits until the server is closed, and returns the reason.
async fn closed(mut closing: watch::Receiver<Option<Arc<str>>>) -> Arc<str> {
    let reason = closing.wait_for(Option::is_some).await;
    // Every link holds a clone of the server, so the sender is never dropped first.
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
