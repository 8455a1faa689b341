//! Typed RPC with real streams: the engine that runs both ends of a roam link, on tokio and in the
//! browser.
//!
//! A service is a trait, from which [`service`] generates the trait that handlers implement, the
//! dispatcher and the client. Channels ([`Tx`], [`Rx`]) travel as arguments and results, and calls
//! go both ways.
//!
//! ```
//! use roam_core::proto::Framing;
//! use roam_core::transport::memory_pair;
//! use roam_core::{Context, Rx, Tx, accept, channel, connect, service};
//!
//! #[service]
//! trait Weather {
//!     /// Sends the temperature of a place, again and again.
//!     async fn watch(&self, place: String, temperatures: Tx<f64>);
//!     /// Returns the mean of what was measured.
//!     async fn report(&self, measured: Rx<f64>) -> f64;
//! }
//!
//! struct Station;
//!
//! impl Weather for Station {
//!     async fn watch(&self, _: &Context, _place: String, temperatures: Tx<f64>) {
//!         for degrees in [20.5, 21.0] {
//!             // Waits while the reader is slow, and fails once nobody reads.
//!             let Ok(()) = temperatures.send(degrees).await else { return };
//!         }
//!     }
//!
//!     async fn report(&self, _: &Context, mut measured: Rx<f64>) -> f64 {
//!         let (mut sum, mut count) = (0.0, 0.0);
//!         while let Ok(Some(degrees)) = measured.recv().await {
//!             (sum, count) = (sum + degrees, count + 1.0);
//!         }
//!         sum / count
//!     }
//! }
//!
//! # tokio::runtime::Runtime::new().unwrap().block_on(async {
//! // In place of this pair of transports, a WebSocket or a byte stream; see `net`.
//! let (ours, theirs) = memory_pair(Framing::Packed);
//! let (_, driver) = accept(theirs).dispatcher(WeatherDispatcher::new(Station)).drive();
//! tokio::spawn(driver);
//! let weather = WeatherClient::new(connect(ours).await?);
//!
//! let (tx, mut temperatures) = channel();
//! tokio::spawn(weather.watch("Rome".to_owned(), tx).into_future());
//! assert_eq!(temperatures.recv().await?, Some(20.5));
//!
//! let (measured, rx) = channel();
//! let mean = tokio::spawn(weather.report(rx).into_future());
//! measured.send(18.0).await?;
//! measured.send(20.0).await?;
//! measured.close();
//! assert_eq!(mean.await??, 19.0);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # }).unwrap();
//! ```
//!
//! # Where to find what
//! | for | see |
//! |---|---|
//! | services, calls, channels, settings | this page |
//! | WebSocket, TCP, Unix sockets | [`net`], and the crate `roam-ws-server` |
//! | callers, layers around calls, clients that reconnect | [`client`] |
//! | calls before a handler gets them, layers, virtual connections | [`server`] |
//! | calls that happen once, however often they are sent | [`nonce`] |
//! | passing calls on | [`proxy`] |
//! | byte streams inside of a link | [`tunnel`] |
//! | what is in flight | [`diagnostics`] |
//! | asking a peer what it serves | [`introspection`] |
//! | types that travel | [`schema`] |
//! | transports of your own | [`transport`] |
//! | calls and channels in bytes | [`raw`] |
//! | the protocol machine, without I/O | [`proto`] |

#![allow(
    clippy::arc_with_non_send_sync,
    reason = "natively the same code is shared between threads; in a browser there is only one"
)]

// Generated code says `::roam_core::…`, in this crate as well.
extern crate self as roam_core;

pub mod introspection;
pub mod net;
#[doc(hidden)]
pub mod rt;
pub mod schema;
mod session;
pub mod transport;

/// The protocol machine that the session runs.
pub use roam_proto as proto;

pub use proto::{
    ChannelId, CloseReason, Config, ConnectionId, Failure, FailureKind, Limits, Metadata,
    MetadataError, MetadataValue, MethodId, ReceivedPayload, RequestId, Rule, Stats, Violation,
};
pub use roam_macros::service;
pub use schema::{MethodDescriptor, Schema, ServiceDescriptor};
pub use session::raw;
pub use session::{
    AskError, AttachError, Call, CallError, CallFuture, Caller, ConnectError, ConnectionHandle,
    Context, Deadline, DecodeError, DetachedLink, Driver, EncodeError, Extensions, Identity,
    IncomingChannels, LinkBuilder, Malformed, Never, NoDispatcher, OutgoingChannels, RecvError,
    Reply, RoamError, RoutedDispatcher, Rx, SendError, ServiceDispatcher, Tx, accept, channel,
    connect,
};

/// Making calls without types, with layers, and over links that are lost.
pub mod client {
    pub use crate::session::{
        Answer, Answered, CallFailure, CallerService, ConnectionCall, Dial, DialedDriver,
        LayeredCall, LayeredCaller, LinkState, LinkStates, Opened, OutgoingCall, OutgoingWatch,
        ReconnectingClient, RetryPolicy,
    };
}

/// Answering calls without types and with layers, and accepting virtual connections.
///
/// # Handlers that compute
/// A handler may compute for long, as long as another worker thread of its runtime has nothing to do: that
/// thread sends the handler's elements within a few milliseconds, and the link and its other calls go on.
/// This needs a multi-threaded runtime of tokio. There,
/// - a handler with `#[roam(inline)]` holds up its link: it is polled where the link is read;
/// - so does a task that a handler spawns, until it waits for something: await
///   `tokio::task::yield_now()` after what it sends;
/// - a handler that computes notices only at its next `await` that it was aborted.
///
/// When every thread computes, nothing moves: no call is answered, and peers may take the links for dead. If
/// more handlers may compute at once than there are threads, give them a runtime of their own. Calls of
/// other services are then answered meanwhile:
///
/// ```
/// use futures::future::BoxFuture;
/// use roam_core::server::IncomingCall;
/// use roam_core::{MethodDescriptor, MethodId, RoutedDispatcher, ServiceDispatcher};
/// use tokio::{runtime::Handle, task::JoinSet};
///
/// /// Runs the handlers of a dispatcher on another runtime.
/// struct OnRuntime<D>(D, Handle);
///
/// impl<D: ServiceDispatcher> ServiceDispatcher for OnRuntime<D> {
///     fn method(&self, id: MethodId) -> Option<&'static MethodDescriptor> {
///         self.0.method(id)
///     }
///
///     fn dispatch(&self, call: IncomingCall) -> BoxFuture<'static, ()> {
///         // It aborts the handler when it is dropped.
///         let mut handler = JoinSet::new();
///         handler.spawn_on(self.0.dispatch(call), &self.1);
///         Box::pin(async move {
///             handler.join_next().await;
///         })
///     }
/// }
///
/// # fn serve(computing: impl ServiceDispatcher, other: impl ServiceDispatcher, threads: Handle) {
/// let dispatcher = RoutedDispatcher::new()
///     .with(OnRuntime(computing, threads))
///     .with(other);
/// # }
/// ```
pub mod server {
    pub use crate::session::{
        Accepted, Acceptor, Answered, CallService, CallWatch, Dispatched, Incoming, IncomingCall,
        IncomingConnection, IncomingConnections, KeptDriver, LayeredDispatcher, NewLink,
        RejectError, Respond,
    };
}

/// Passing calls and connections on to another peer.
pub mod proxy {
    pub use crate::session::{
        ForwardingDispatcher, LateBoundForwarder, LateBoundHandle, forward_connections,
    };
}

/// Calls that happen once, however often they are sent.
pub mod nonce {
    pub use crate::session::{MalformedNonce, NONCE_KEY, Nonce, NonceDispatcher, NonceLimits};
}

/// Byte streams inside of a link.
pub mod tunnel {
    pub use crate::session::{Tunnel, tunnel_pair};
    #[cfg(feature = "stream")]
    pub use crate::session::{pump_read_to_tx, pump_rx_to_write, tunnel_stream};
}

/// What is in flight on links.
pub mod diagnostics {
    pub use crate::session::{Diagnostics, LinkDiagnostics, Links};
}

/// What generated code uses. Not for anybody else.
#[doc(hidden)]
pub mod macro_support {
    pub use crate::schema::*;
    pub use crate::session::Never as Infallible;
}
