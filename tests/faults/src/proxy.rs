//! The proxy: accepts connections and gives each its rules.

use std::collections::VecDeque;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use socket2::SockRef;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::carry::carry;
use crate::connection::Connection;
use crate::fault::{Cut, Fault};
use crate::plan::{Plan, Rules};
use crate::socket;

/// How long accepting pauses when the process has no more file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(20);

/// A TCP proxy in front of an upstream.
///
/// It runs on the runtime in which it was started. Dropping it resets all connections and closes its
/// port. It keeps a small record of each connection until then.
#[derive(Debug)]
pub struct FaultProxy {
    addr: SocketAddr,
    state: Arc<watch::Sender<State>>,
    accepting: JoinHandle<()>,
}

/// What becomes of new connections.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Admission {
    /// They are accepted.
    #[default]
    Accept,
    /// They are accepted and reset at once, and take no plan from the queue. They end by
    /// [`Cut::Reset`].
    Refuse,
    /// They are not accepted. The kernel still completes their handshake, and they are accepted when
    /// this changes.
    Ignore,
}

/// A proxy could not be started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// It could not listen.
    #[error("failed to listen on {address}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why not.
        source: io::Error,
    },
}

#[derive(Debug)]
struct State {
    upstream: SocketAddr,
    admission: Admission,
    /// The rules of connections for which no plan waits.
    default: Rules,
    next: VecDeque<Plan>,
    /// All that were accepted.
    connections: Vec<Connection>,
}

impl FaultProxy {
    /// Starts a proxy on a free port of 127.0.0.1.
    pub async fn start(upstream: SocketAddr) -> Result<Self, StartError> {
        Self::listen((Ipv4Addr::LOCALHOST, 0).into(), upstream).await
    }

    /// Starts a proxy that listens on `address`.
    pub async fn listen(address: SocketAddr, upstream: SocketAddr) -> Result<Self, StartError> {
        let failed = |source| StartError::Listen { address, source };
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        let addr = listener.local_addr().map_err(failed)?;
        let state = Arc::new(watch::Sender::new(State {
            upstream,
            admission: Admission::default(),
            default: Rules::default(),
            next: VecDeque::new(),
            connections: Vec::new(),
        }));
        let accepting = tokio::spawn(accept(listener, Arc::clone(&state)));
        Ok(Self {
            addr,
            state,
            accepting,
        })
    }

    /// Returns the address to which clients connect.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Returns the upstream of connections to come.
    pub fn upstream(&self) -> SocketAddr {
        self.state.borrow().upstream
    }

    /// Joins connections to come to another upstream, as when a server has restarted elsewhere.
    pub fn set_upstream(&self, upstream: SocketAddr) {
        self.state.send_modify(|state| state.upstream = upstream);
    }

    /// Returns what becomes of new connections.
    pub fn admission(&self) -> Admission {
        self.state.borrow().admission
    }

    /// Sets what becomes of new connections.
    pub fn admit(&self, admission: Admission) {
        self.state.send_modify(|state| state.admission = admission);
    }

    /// Queues the plan of a connection that has not come yet: the first for the next one. It replaces
    /// what was injected into the whole proxy.
    pub fn next(&self, plan: impl Into<Plan>) {
        let plan = plan.into();
        self.state.send_modify(|state| state.next.push_back(plan));
    }

    /// Injects a fault into all open connections, and into those to come for which no plan waits. To
    /// those to come, [`Fault::Cut`] and [`Fault::Close`] do nothing. Returns how many are open.
    pub fn inject(&self, fault: Fault) -> usize {
        let mut count = 0;
        self.state.send_modify(|state| {
            if !matches!(fault, Fault::Cut(_) | Fault::Close(_)) {
                state.default.apply(fault);
            }
            for connection in &state.connections {
                // One that was closed by FIN can still be reset.
                connection.inject(fault);
                count += usize::from(connection.end().is_none());
            }
        });
        count
    }

    /// Returns how many connections were accepted or refused so far.
    pub fn accepted(&self) -> usize {
        self.state.borrow().connections.len()
    }

    /// Returns all connections that were accepted or refused, in order.
    pub fn connections(&self) -> Vec<Connection> {
        self.state.borrow().connections.clone()
    }

    /// Waits until the connection with this number, counting from 1, was accepted or refused. Cancel
    /// safe.
    ///
    /// # Panics
    ///
    /// If the number is 0.
    pub async fn connection(&self, number: usize) -> Connection {
        assert!(number > 0, "connections are counted from 1");
        let mut state = self.state.subscribe();
        let seen = state
            .wait_for(|state| state.connections.len() >= number)
            .await;
        seen.expect("the sender is in self").connections[number - 1].clone()
    }
}

impl Drop for FaultProxy {
    fn drop(&mut self) {
        self.accepting.abort();
        self.inject(Fault::Cut(Cut::Reset));
    }
}

async fn accept(listener: TcpListener, state: Arc<watch::Sender<State>>) {
    loop {
        match listener.accept().await {
            Ok((stream, client)) => admit(stream, client, &state).await,
            Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
        }
    }
}

/// Starts a connection as soon as connections are not ignored.
async fn admit(stream: TcpStream, client: SocketAddr, state: &watch::Sender<State>) {
    // A peer that has already gone shows when its socket is read.
    let _ = socket::prepare(&SockRef::from(&stream));
    loop {
        let mut changes = state.subscribe();
        let is_open = |state: &State| state.admission != Admission::Ignore;
        // The sender lives as long as this borrow.
        let _ = changes.wait_for(is_open).await.is_ok();
        let mut admitted = None;
        state.send_if_modified(|state| {
            admitted = state.admit(client);
            admitted.is_some()
        });
        if let Some((connection, upstream)) = admitted {
            tokio::spawn(carry(stream, upstream, connection));
            return;
        }
    }
}

impl State {
    /// Gives a new connection its rules and upstream, unless connections are ignored.
    fn admit(&mut self, client: SocketAddr) -> Option<(Connection, SocketAddr)> {
        let rules = match self.admission {
            Admission::Accept => self.next.pop_front().map_or(self.default, |plan| plan.0),
            Admission::Refuse => Plan::from(Fault::Cut(Cut::Reset)).0,
            Admission::Ignore => return None,
        };
        let connection = Connection::new(self.connections.len() + 1, client, rules);
        self.connections.push(connection.clone());
        Some((connection, self.upstream))
    }
}
