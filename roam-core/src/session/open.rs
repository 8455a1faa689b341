//! Opening links over transports.

use std::error::Error;
use std::fmt;
use std::future::{Future, IntoFuture};
use std::sync::Arc;
use std::time::Duration;

use super::error::ConnectError;
use super::link::{ConnectionHandle, DetachedLink, Driver};
use super::resume::{DialedDriver, Dialing};
use super::serve::{DispatchService, NoDispatcher, ServiceDispatcher};
use super::tell::{Tell, Told};
use crate::proto::{Config, Link, Metadata, Role};
use crate::rt::{self, BoxFuture, Clock, MaybeSend, MaybeSync};
use crate::transport::Transport;

/// Opens a link over a transport that we opened.
///
/// Functions of the same name in [`net`](crate::net) open the transport as well.
///
/// ```
/// use roam_core::proto::Framing;
/// use roam_core::transport::memory_pair;
/// use roam_core::{accept, connect};
///
/// # tokio::runtime::Runtime::new().unwrap().block_on(async {
/// let (ours, theirs) = memory_pair(Framing::Packed);
/// let (server, driver) = accept(theirs).drive();
/// tokio::spawn(driver);
/// let client = connect(ours).await?;
///
/// assert_eq!(client.ready().await?.max_payload_size, 1 << 20);
/// client.close("that was all");
/// assert_eq!(server.closed().await.to_string(), "closed by the peer: that was all");
/// # Ok::<(), roam_core::ConnectError>(())
/// # }).unwrap();
/// ```
pub fn connect<T: Transport>(transport: T) -> LinkBuilder<Opened<T>> {
    LinkBuilder::connect(Opened(Some(transport)))
}

/// Opens a link over a transport that the peer opened; see [`connect`]. The link goes on until
/// either side closes it, even when the handle is dropped, and ends with its transport; an
/// [`Acceptor`](crate::server::Acceptor) keeps links without one.
pub fn accept<T: Transport>(transport: T) -> LinkBuilder<Opened<T>> {
    LinkBuilder {
        role: Role::Acceptor,
        config: Config::default(),
        ..connect(transport)
    }
}

/// A link that is about to be opened: await it to open it, run it in the background, and wait until
/// the handshake is complete.
#[must_use = "a link is opened when this is awaited"]
pub struct LinkBuilder<O, D = NoDispatcher> {
    role: Role,
    dialer: O,
    dispatcher: D,
    config: Config,
    metadata: Metadata,
    /// Finds out what goes in place of `metadata`.
    tells: Option<Arc<dyn Tell>>,
}

/// Opens transports to one peer: the first of a link, and others when that is lost.
pub trait Dial: MaybeSend + 'static {
    /// What it opens.
    type Transport: Transport;

    /// Opens the transport. It must give up by itself, at the latest after the
    /// [handshake timeout](Config::handshake_timeout).
    fn dial(
        &mut self,
        config: &Config,
    ) -> impl Future<Output = Result<Self::Transport, ConnectError>> + MaybeSend;

    /// The peer only knows version 2 of the protocol: speaks that from now on. Returns whether it makes sense
    /// to dial once more for it.
    fn fall_back(&mut self) -> bool {
        false
    }
}

/// A transport that is open. There is no other when it is lost.
#[derive(Debug)]
pub struct Opened<T>(Option<T>);

/// The only transport to a peer was used.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("there is no other transport to the peer")]
struct NoOther;

impl<T: Transport> Dial for Opened<T> {
    type Transport = T;

    async fn dial(&mut self, _: &Config) -> Result<T, ConnectError> {
        (self.0.take()).ok_or_else(|| ConnectError::Transport(NoOther.into()))
    }
}

impl<O> LinkBuilder<O> {
    /// Creates a builder of a link over the transport that `dialer` opens, with
    /// [`Config::client`] and nothing served.
    pub fn connect(dialer: O) -> Self {
        Self {
            role: Role::Initiator,
            dialer,
            dispatcher: NoDispatcher,
            config: Config::client(),
            metadata: Metadata::new(),
            tells: None,
        }
    }
}

impl<O, D> LinkBuilder<O, D> {
    /// Answers the calls of the peer with `dispatcher`.
    pub fn dispatcher<E: ServiceDispatcher>(self, dispatcher: E) -> LinkBuilder<O, E> {
        LinkBuilder {
            role: self.role,
            dialer: self.dialer,
            dispatcher,
            config: self.config,
            metadata: self.metadata,
            tells: self.tells,
        }
    }

    /// Sets the configuration.
    pub fn config(mut self, config: Config) -> Self {
        self.config = config;
        self
    }

    /// Sends metadata with each transport that is opened, for example a token. Only peers that keep links
    /// without a transport get it, see [`Config::keep`].
    pub fn metadata(mut self, metadata: Metadata) -> Self {
        self.metadata = metadata;
        self
    }

    /// Calls `tell` for the [metadata](Self::metadata) before each transport is opened, and when the acceptor
    /// [asks](ConnectionHandle::ask_for_token) for a new token. An error fails that attempt; a question then has no
    /// answer. It has no effect on a link that is [driven](Self::drive) over an open transport.
    ///
    /// ```no_run
    /// # async fn fresh_token() -> Result<String, std::io::Error> { unimplemented!() }
    /// # async fn example() -> Result<(), roam_core::ConnectError> {
    /// use roam_core::Metadata;
    /// use roam_core::net::websocket;
    ///
    /// let server = websocket::connect("wss://example.com/rpc")
    ///     .metadata_from(async || {
    ///         let token = fresh_token().await?;
    ///         Ok::<_, std::io::Error>(Metadata::new().with("authorization", format!("Bearer {token}")))
    ///     })
    ///     .await?;
    /// # Ok(()) }
    /// ```
    pub fn metadata_from<F, A, E>(mut self, tell: F) -> Self
    where
        F: Fn() -> A + MaybeSend + MaybeSync + 'static,
        A: Future<Output = Result<Metadata, E>> + MaybeSend + 'static,
        E: Into<Box<dyn Error + Send + Sync>> + 'static,
    {
        self.tells = Some(Arc::new(Told(tell)));
        self
    }

    /// Changes what opens the transport.
    #[cfg(feature = "websocket")]
    pub(crate) fn map_dialer(mut self, map: impl FnOnce(&mut O)) -> Self {
        map(&mut self.dialer);
        self
    }
}

impl<T: Transport, D: ServiceDispatcher> LinkBuilder<Opened<T>, D> {
    /// Opens the link without running it. Nothing happens before the driver is polled. The link ends with its
    /// transport.
    pub fn drive(mut self) -> (ConnectionHandle, Driver<T>) {
        let Some(transport) = self.dialer.0 else {
            unreachable!("a builder that has dialed is used up")
        };
        // An acceptor tells it to the initiator, which need not come back.
        self.config.keep = Duration::ZERO;
        open(
            self.role,
            transport,
            self.dispatcher,
            &self.config,
            self.metadata,
        )
    }
}

impl<O: Dial, D: ServiceDispatcher> LinkBuilder<O, D> {
    /// Opens the transport, and returns the link without running it, for example to
    /// [listen](ConnectionHandle::listen) before the peer's first message is read.
    pub async fn dial(mut self) -> Result<(ConnectionHandle, DialedDriver), ConnectError> {
        if let Some(tells) = &self.tells {
            self.metadata = tells.tell().await?;
        }
        let transport = self.dialer.dial(&self.config).await?;
        let is_dynamic = self.tells.is_some();
        let (handle, driver) = open(
            self.role,
            transport,
            self.dispatcher,
            &self.config,
            self.metadata.clone(),
        );
        let dialing = Dialing {
            dialer: self.dialer,
            config: self.config,
            tells: self.tells,
        };
        if is_dynamic {
            driver.say(self.metadata);
        }
        Ok((handle, DialedDriver::new(driver, dialing)))
    }
}

impl<O: Dial, D: ServiceDispatcher> IntoFuture for LinkBuilder<O, D> {
    type Output = Result<ConnectionHandle, ConnectError>;
    type IntoFuture = BoxFuture<'static, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let (handle, driver) = self.dial().await?;
            rt::spawn(async move {
                driver.await;
            });
            handle.ready().await?;
            Ok(handle)
        })
    }
}

impl<O: fmt::Debug, D> fmt::Debug for LinkBuilder<O, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LinkBuilder")
            .field("role", &self.role)
            .field("dialer", &self.dialer)
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}

pub(super) fn open<T: Transport>(
    role: Role,
    mut transport: T,
    dispatcher: impl ServiceDispatcher,
    config: &Config,
    metadata: Metadata,
) -> (ConnectionHandle, Driver<T>) {
    if role == Role::Acceptor {
        transport.on_accepted(config);
    }
    let clock = Clock::start();
    let mut link = Link::new(role, transport.framing(), config, clock.now());
    if role == Role::Initiator {
        link.attach(&metadata, clock.now());
    }
    let handle = ConnectionHandle::new(link, DispatchService::service(dispatcher), clock);
    let driver = Driver::new(transport, DetachedLink::new(&handle, role, metadata));
    (handle, driver)
}
