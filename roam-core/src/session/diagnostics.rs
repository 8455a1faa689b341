//! Diagnostics: snapshots of everything in flight on links.

use std::fmt::{self, Display, Formatter};
use std::ops::Deref;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use super::link::{ConnectionHandle, Shared};
use crate::proto;
use crate::schema::method_name;

impl ConnectionHandle {
    /// Returns a snapshot of the link, ordered by ids: connections, calls, channels, queued frames,
    /// and what is left of the link's limits. Its `Display` is for people.
    ///
    /// It costs nothing until it is called. Ages are known of what began after
    /// [`watch`](Self::watch).
    ///
    /// ```
    /// # use roam_core::{Config, NoDispatcher, accept, connect};
    /// # use roam_core::proto::Framing;
    /// # use roam_core::transport::memory_pair;
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// # let (ours, theirs) = memory_pair(Framing::Packed);
    /// # let (_, driver) = accept(theirs).drive();
    /// # tokio::spawn(driver);
    /// let client = connect(ours).await?;
    /// client.watch();
    ///
    /// let diagnostics = client.diagnostics();
    /// assert!(diagnostics.connections[0].outgoing.is_empty());
    /// println!("{diagnostics}");
    /// # Ok::<(), roam_core::ConnectError>(())
    /// # }).unwrap();
    /// ```
    pub fn diagnostics(&self) -> Diagnostics {
        self.shared().diagnostics()
    }

    /// Records from now on when calls, channels and connections begin, so that
    /// [`diagnostics`](Self::diagnostics) has their ages. The clock is then read whenever something
    /// is done on the link.
    pub fn watch(&self) {
        self.shared().with(|state, _| state.watched = true);
    }
}

impl Shared {
    fn diagnostics(&self) -> Diagnostics {
        let mut diagnostics = self.with(|state, _| state.link.diagnostics());
        diagnostics.sort();
        Diagnostics(diagnostics)
    }
}

/// A snapshot of everything in flight on a link.
///
/// Its `Display` names the methods that this process knows.
#[derive(Clone, Debug)]
pub struct Diagnostics(proto::Diagnostics);

impl Deref for Diagnostics {
    type Target = proto::Diagnostics;

    fn deref(&self) -> &proto::Diagnostics {
        &self.0
    }
}

impl Display for Diagnostics {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.0.display(method_name).fmt(f)
    }
}

/// A registry of links, such as those of a server, to take snapshots of all of them. Cheap to clone;
/// clones share the links.
///
/// It keeps no link open, and forgets links that nothing refers to.
///
/// ```
/// use roam_core::diagnostics::Links;
///
/// let links = Links::new();
/// // Give it to a server, or fill it by `links.add(&handle, "backend")`.
/// assert_eq!(links.to_string(), "no links\n");
/// ```
#[derive(Clone, Default)]
pub struct Links(Arc<Mutex<Registry>>);

#[derive(Default)]
struct Registry {
    links: Vec<Registered>,
    added: u64,
    /// At this many links, those that nothing refers to are removed.
    prune_at: usize,
}

struct Registered {
    number: u64,
    name: String,
    link: Weak<Shared>,
}

/// A snapshot of one of several links.
#[derive(Clone, Debug)]
pub struct LinkDiagnostics {
    /// The link's number, from 1 in the order in which links were added.
    pub number: u64,
    /// The name that was given when the link was added; may be empty.
    pub name: String,
    /// The snapshot.
    pub diagnostics: Diagnostics,
}

impl Links {
    /// Creates an empty registry.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a link and [watches](ConnectionHandle::watch) it. `name` is for people, such as the peer's
    /// address.
    pub fn add(&self, handle: &ConnectionHandle, name: impl Into<String>) {
        handle.watch();
        let link = Arc::downgrade(&handle.link().shared);
        self.registry().add(name.into(), link);
    }

    /// Returns a snapshot of each link, in the order in which links were added.
    pub fn diagnostics(&self) -> Vec<LinkDiagnostics> {
        // Links are locked and dropped without the registry's lock.
        let links: Vec<_> = self.registry().alive().collect();
        let ask = |(number, name, link): (u64, String, Arc<Shared>)| LinkDiagnostics {
            number,
            name,
            diagnostics: link.diagnostics(),
        };
        links.into_iter().map(ask).collect()
    }

    fn registry(&self) -> MutexGuard<'_, Registry> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The registry is not pruned below this many links.
const PRUNE_AT: usize = 16;

impl Registry {
    fn add(&mut self, name: String, link: Weak<Shared>) {
        if self.links.len() >= self.prune_at {
            self.links.retain(|known| known.link.strong_count() > 0);
            self.prune_at = PRUNE_AT.max(2 * self.links.len());
        }
        self.added += 1;
        let number = self.added;
        self.links.push(Registered { number, name, link });
    }

    fn alive(&self) -> impl Iterator<Item = (u64, String, Arc<Shared>)> {
        self.links
            .iter()
            .filter_map(|known| Some((known.number, known.name.clone(), known.link.upgrade()?)))
    }
}

impl Display for Links {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let links = self.diagnostics();
        if links.is_empty() {
            return writeln!(f, "no links");
        }
        links.iter().try_for_each(|link| write!(f, "{link}"))
    }
}

impl Display for LinkDiagnostics {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "link {}", self.number)?;
        if !self.name.is_empty() {
            write!(f, " ({})", self.name)?;
        }
        write!(f, ": {}", self.diagnostics)
    }
}

impl fmt::Debug for Links {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Links")
            .field("added", &self.registry().added)
            .finish_non_exhaustive()
    }
}
