//! Accepting transports: each begins a link or goes on with one.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::future::poll_fn;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;

use super::ended::{self, EndedLinks};
use super::kept::KeptDriver;
use super::seat::{Offer, Seat};
use crate::proto::{Attach, Close, CloseReason, Config, Framing, LinkId, Metadata, Refusal, Role};
use crate::rt::{self, Clock};
use crate::session::error::ConnectError;
use crate::session::identity::Identity;
use crate::session::link::{ConnectionHandle, LINGER};
use crate::session::open;
use crate::session::serve::{NoDispatcher, ServiceDispatcher};
use crate::transport::{Transport, TransportError};

/// Accepts transports, and says of each whether it begins a new link or goes on with an existing one.
///
/// It keeps the links of its initiators while they have no transport, see [`Config::keep`]. Cheap to
/// clone; clones keep the same links.
///
/// ```
/// use roam_core::proto::Framing;
/// use roam_core::server::{Accepted, Acceptor};
/// use roam_core::transport::memory_pair;
/// use roam_core::{Config, NoDispatcher};
///
/// # tokio::runtime::Runtime::new().unwrap().block_on(async {
/// let acceptor = Acceptor::new(Config::default());
/// let (ours, theirs) = memory_pair(Framing::Numbered);
/// tokio::spawn(async move {
///     let link = roam_core::connect(ours).await?;
///     Ok::<_, roam_core::ConnectError>(link.closed().await)
/// });
///
/// let incoming = acceptor.receive(theirs).await?;
/// match incoming.accept().expect("the link is new") {
///     Accepted::New(link) => {
///         let (handle, driver) = link.dispatcher(NoDispatcher).drive();
///         tokio::spawn(driver);
///         handle.ready().await?;
///     }
///     Accepted::Existing(id) => println!("link {id} goes on"),
/// }
/// # Ok::<(), roam_core::ConnectError>(())
/// # }).unwrap();
/// ```
pub struct Acceptor<T> {
    config: Arc<Config>,
    max_detached: usize,
    links: Arc<Mutex<Links<T>>>,
    clock: Clock,
}

struct Links<T> {
    seats: HashMap<LinkId, Arc<Seat<T>>>,
    /// The links without a transport, the one that lost it first first.
    detached: BTreeMap<u64, LinkId>,
    /// The next key of `detached`.
    next: u64,
    ended: EndedLinks,
}

/// A transport whose first frame has come, and which was not accepted yet.
///
/// Dropping it closes the transport.
#[must_use = "accept it or refuse it"]
pub struct Incoming<T: Transport> {
    acceptor: Acceptor<T>,
    transport: T,
    /// `None` on a transport that only knows version 2 of the protocol.
    attach: Option<Attach>,
    /// The first frame, if it was received.
    first: Option<Bytes>,
    identity: Option<Identity>,
}

/// What became of a transport.
#[derive(Debug)]
pub enum Accepted<T: Transport> {
    /// It begins a new link.
    New(NewLink<T>),
    /// It was handed to the driver of this link, which checks that the initiator has a right to it.
    Existing(LinkId),
}

/// A link that is about to begin.
#[must_use = "a link begins when its driver is polled"]
pub struct NewLink<T: Transport, D = NoDispatcher> {
    acceptor: Acceptor<T>,
    transport: T,
    first: Option<Bytes>,
    identity: Option<Identity>,
    dispatcher: D,
}

/// How many links are kept without a transport.
const MAX_DETACHED: usize = 1_024;

impl<T: Transport> Acceptor<T> {
    /// Creates an acceptor of links with these settings, which keeps at most 1,024 links without a
    /// transport.
    pub fn new(config: Config) -> Self {
        Self {
            config: Arc::new(config),
            max_detached: MAX_DETACHED,
            clock: Clock::start(),
            links: Arc::new(Mutex::new(Links {
                seats: HashMap::new(),
                detached: BTreeMap::new(),
                next: 0,
                ended: EndedLinks::default(),
            })),
        }
    }

    /// Sets how many links are kept without a transport. For one more, the link that lost its transport
    /// first is given up.
    #[must_use]
    pub fn with_max_detached(mut self, max_detached: usize) -> Self {
        self.max_detached = max_detached;
        self
    }

    /// Receives the first frame of a transport that a peer has opened, at most for the handshake timeout.
    ///
    /// # Errors
    /// The transport failed, or its first frame is not valid.
    pub async fn receive(&self, mut transport: T) -> Result<Incoming<T>, ConnectError> {
        transport.on_accepted(&self.config);
        let (mut attach, mut first) = (None, None);
        if transport.framing() == Framing::Numbered {
            let receiving = poll_fn(|cx| transport.poll_receive(cx));
            let received = rt::timeout(self.config.handshake_timeout, receiving)
                .await
                .ok_or(ConnectError::Timeout)?;
            match begins(&transport, received) {
                Ok((decoded, frame)) => (attach, first) = (decoded, Some(frame)),
                Err(TransportError::Violation(violation)) => {
                    let refusal = Refusal::new(Close::PROTOCOL, &violation.to_string());
                    refuse(transport, &refusal);
                    return Err(ConnectError::Transport(Box::new(violation)));
                }
                Err(error) => return Err(ConnectError::Transport(Box::new(error))),
            }
        }
        Ok(Incoming {
            acceptor: self.clone(),
            transport,
            attach,
            first,
            identity: None,
        })
    }

    /// Remembers how a link has ended, for as long as it would have been kept: its initiator may come back without
    /// having learnt it. As many are remembered as links are kept without a transport.
    pub(super) fn remember(&self, id: &LinkId, reason: &CloseReason) {
        let Some(refusal) = ended::refusal(reason) else {
            return;
        };
        let (now, keep, max) = (self.clock.now(), self.config.keep, self.max_detached);
        self.with(|links| links.ended.add(id, refusal, (now, keep), max));
    }

    pub(super) fn leave(&self, id: &LinkId) {
        self.with(|links| drop(links.seats.remove(id)));
    }

    /// Records that a link has lost its transport. Evicts the one that lost its own first, if there are
    /// too many.
    pub(super) fn on_detached(&self, id: &LinkId) -> u64 {
        let max = self.max_detached;
        let (key, evicted) = self.with(|links| {
            let key = links.next;
            links.next += 1;
            links.detached.insert(key, id.clone());
            let first = (links.detached.len() > max).then(|| links.detached.pop_first());
            let evicted = first
                .flatten()
                .and_then(|(_, id)| links.seats.get(&id).cloned());
            (key, evicted)
        });
        if let Some(seat) = evicted {
            drop(seat.put(Offer::Evicted));
        }
        key
    }

    pub(super) fn on_attached(&self, key: u64) {
        self.with(|links| drop(links.detached.remove(&key)));
    }

    fn with<R>(&self, change: impl FnOnce(&mut Links<T>) -> R) -> R {
        let mut links = self.links.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut links)
    }
}

impl<T: Transport> Incoming<T> {
    /// Returns what the peer says of itself, such as a token. It is empty on transports that only know
    /// version 2 of the protocol.
    pub fn metadata(&self) -> &Metadata {
        const NONE: &Metadata = &Metadata::new();
        self.attach.as_ref().map_or(NONE, |attach| &attach.metadata)
    }

    /// Returns the link that the peer wants to go on with, or `None` if it wants a new one.
    pub fn link(&self) -> Option<&LinkId> {
        let resume = self.attach.as_ref()?.resume.as_ref()?;
        Some(&resume.link)
    }

    /// Says who the peer is. Only the peer that opened a link may go on with it: one with another subject is
    /// refused with code 4403.
    pub fn identify(mut self, identity: impl Into<Option<Identity>>) -> Self {
        self.identity = identity.into();
        self
    }

    /// Refuses the transport. The peer learns the code and the reason, and its link ends, if it has one.
    pub fn refuse(self, refusal: &Refusal) {
        refuse(self.transport, refusal);
    }

    /// Accepts the transport.
    ///
    /// # Errors
    /// There is no such link, or not any more. The peer was told.
    pub fn accept(self) -> Result<Accepted<T>, Refusal> {
        let Some((attach, id)) = self.attach.and_then(resumed) else {
            return Ok(Accepted::New(NewLink {
                acceptor: self.acceptor,
                transport: self.transport,
                first: self.first,
                identity: self.identity,
                dispatcher: NoDispatcher,
            }));
        };
        let now = self.acceptor.clock.now();
        let found = self.acceptor.with(|links| match links.seats.get(&id) {
            Some(seat) => Ok(Arc::clone(seat)),
            None => Err(links.ended.get(&id, now)),
        });
        let seat = match found {
            Ok(seat) => seat,
            Err(refusal) => {
                let refusal = refusal.unwrap_or_else(Refusal::unknown_link);
                refuse(self.transport, &refusal);
                return Err(refusal);
            }
        };
        let offer = Offer::Transport {
            transport: self.transport,
            attach,
            identity: self.identity,
        };
        drop(seat.put(offer));
        Ok(Accepted::Existing(id))
    }
}

impl<T: Transport, D> NewLink<T, D> {
    /// Answers the calls of the peer with `dispatcher`.
    pub fn dispatcher<E: ServiceDispatcher>(self, dispatcher: E) -> NewLink<T, E> {
        NewLink {
            acceptor: self.acceptor,
            transport: self.transport,
            first: self.first,
            identity: self.identity,
            dispatcher,
        }
    }
}

impl<T: Transport, D: ServiceDispatcher> NewLink<T, D> {
    /// Opens the link without running it. Nothing happens before the driver is polled.
    pub fn drive(self) -> (ConnectionHandle, KeptDriver<T>) {
        let (handle, mut driver) = open::open(
            Role::Acceptor,
            self.transport,
            self.dispatcher,
            &self.acceptor.config,
            Metadata::new(),
        );
        let subject = self.identity.as_ref().map(|it| it.subject.clone());
        if let Some(identity) = self.identity {
            handle.set_identity(identity);
        }
        if let Some(first) = self.first {
            driver.on_first_frame(first);
        }
        let (seat, id) = (Seat::new(), driver.link_id());
        if let Some(id) = &id {
            let (id, seat) = (id.clone(), Arc::clone(&seat));
            self.acceptor.with(|links| links.seats.insert(id, seat));
        }
        let driver = KeptDriver::new(driver, id, seat, self.acceptor, subject);
        (handle, driver)
    }
}

/// Decodes the first frame of a transport, which may have shown that its peer only knows version 2.
fn begins(
    transport: &impl Transport,
    received: Result<Bytes, TransportError>,
) -> Result<(Option<Attach>, Bytes), TransportError> {
    let frame = received?;
    if transport.framing() != Framing::Numbered {
        return Ok((None, frame));
    }
    Ok((Some(Attach::decode(&frame)?), frame))
}

/// Returns an Attach to an existing link, and which one that is.
fn resumed(attach: Attach) -> Option<(Attach, LinkId)> {
    let id = attach.resume.as_ref()?.link.clone();
    Some((attach, id))
}

/// Tells the peer why its transport is refused, and closes it.
pub(super) fn refuse<T: Transport>(transport: T, refusal: &Refusal) {
    let end = Close::new(refusal.code, &refusal.reason).unwrap_or_else(|_| Close::normal());
    let says_why = transport.framing() == Framing::Numbered;
    finish(transport, says_why.then(|| refusal.encode()), end);
}

/// Closes a transport that is not needed any more.
pub(super) fn close<T: Transport>(transport: T, end: Close) {
    finish(transport, None, end);
}

fn finish<T: Transport>(mut transport: T, last: Option<Bytes>, end: Close) {
    rt::spawn(async move {
        let finishing = async {
            if let Some(frame) = last
                && poll_fn(|cx| transport.poll_ready(cx)).await.is_ok()
            {
                // The code of the close frame says the same.
                let _ = transport.start_send(frame);
            }
            // The peer learns nothing more if it is gone.
            let _ = poll_fn(|cx| transport.poll_close(&end, cx)).await;
        };
        // A peer that does not read must not hold a socket.
        rt::timeout(LINGER, finishing).await;
    });
}

impl<T> Clone for Acceptor<T> {
    fn clone(&self) -> Self {
        Self {
            config: Arc::clone(&self.config),
            max_detached: self.max_detached,
            clock: self.clock,
            links: Arc::clone(&self.links),
        }
    }
}

impl<T> fmt::Debug for Acceptor<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Acceptor")
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}

impl<T: Transport> fmt::Debug for Incoming<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Incoming")
            .field("attach", &self.attach)
            .finish_non_exhaustive()
    }
}

impl<T: Transport, D> fmt::Debug for NewLink<T, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewLink").finish_non_exhaustive()
    }
}
