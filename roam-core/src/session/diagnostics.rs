//! What is in flight on links, for people who want to know why something stands still.

mod text;

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use crate::proto::Diagnostics;

use super::connection::ConnectionHandle;
use super::shared::Shared;

impl ConnectionHandle {
    /// What is in flight on the link at this moment: connections, calls, channels, what waits to
    /// be sent, and what is left of the link's bounds. It is in the order of ids. As text it is for
    /// people.
    ///
    /// It costs only when it is asked for. There are ages of what began after
    /// [`watch`](Self::watch).
    ///
    /// ```
    /// # use roam_core::{Config, NoDispatcher, accept, initiate};
    /// # use roam_core::proto::Framing;
    /// # use roam_core::transport::memory_pair;
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// # let (ours, theirs) = memory_pair(Framing::Packed);
    /// # let (_, driver) = accept(theirs, NoDispatcher, &Config::default());
    /// # tokio::spawn(driver);
    /// let client = initiate(ours, NoDispatcher, &Config::client()).await?;
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

    /// From now on the link notes when calls, channels and connections begin, so that
    /// [`diagnostics`](Self::diagnostics) tells their ages. The clock is then read each time that
    /// something is done on the link.
    pub fn watch(&self) {
        self.shared().with(|state, _| state.watched = true);
    }
}

impl Shared {
    fn diagnostics(&self) -> Diagnostics {
        let mut diagnostics = self.with(|state, _| state.link.diagnostics());
        diagnostics.sort();
        diagnostics
    }
}

/// Links that can be asked, all of them together, what is in flight on them: those of a server, or
/// of a process. Cheap to clone; clones are the same links.
///
/// It keeps no link open, and forgets those of which nothing is left.
///
/// ```
/// use roam_core::Links;
///
/// let links = Links::new();
/// // To be given to a server, or filled by `links.add(&handle, "backend")`.
/// assert_eq!(links.to_string(), "no links\n");
/// ```
#[derive(Clone, Default)]
pub struct Links(Arc<Mutex<Registry>>);

#[derive(Default)]
struct Registry {
    links: Vec<Registered>,
    added: u64,
    /// At this many the list is rid of links of which nothing is left.
    clean_at: usize,
}

struct Registered {
    number: u64,
    name: String,
    link: Weak<Shared>,
}

/// What is in flight on one of several links.
#[derive(Clone, Debug)]
pub struct LinkDiagnostics {
    /// Counts links up from 1 in the order in which they were added.
    pub number: u64,
    /// What was said of the link when it was added; may be empty.
    pub name: String,
    /// What is in flight on it.
    pub diagnostics: Diagnostics,
}

impl Links {
    /// No links yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a link and [watches](ConnectionHandle::watch) it. `name` is for people, for example
    /// the peer's address.
    pub fn add(&self, handle: &ConnectionHandle, name: impl Into<String>) {
        handle.watch();
        let link = Arc::downgrade(&handle.users().shared);
        self.registry().add(name.into(), link);
    }

    /// What is in flight on each link, in the order in which they were added.
    pub fn diagnostics(&self) -> Vec<LinkDiagnostics> {
        // The links are asked, and let go of, without the list's lock.
        let links: Vec<_> = self.registry().living().collect();
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

/// Below this many, a list is not worth looking through for links of which nothing is left.
const FEW: usize = 16;

impl Registry {
    fn add(&mut self, name: String, link: Weak<Shared>) {
        if self.links.len() >= self.clean_at {
            self.links.retain(|known| known.link.strong_count() > 0);
            self.clean_at = FEW.max(2 * self.links.len());
        }
        self.added += 1;
        let number = self.added;
        self.links.push(Registered { number, name, link });
    }

    fn living(&self) -> impl Iterator<Item = (u64, String, Arc<Shared>)> {
        self.links
            .iter()
            .filter_map(|known| Some((known.number, known.name.clone(), known.link.upgrade()?)))
    }
}

impl fmt::Debug for Links {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Links")
            .field("added", &self.registry().added)
            .finish_non_exhaustive()
    }
}
