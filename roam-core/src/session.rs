//! The session: what users hold of a link.
//!
//! | module | holds |
//! |---|---|
//! | [`link`] | the machine behind a lock, its driver, handles |
//! | [`channel`] | typed halves of channels, local or on a link |
//! | [`call`] | making calls |
//! | [`serve`] | answering calls |
//! | [`codec`] | encoding and decoding values |
//!
//! Everything else is built on these: virtual connections, proxies, nonces, clients that reconnect,
//! tunnels and diagnostics.

mod abort;
mod call;
mod channel;
mod codec;
mod connections;
mod diagnostics;
mod error;
mod extensions;
mod forward;
mod identity;
mod layer;
mod link;
mod nonce;
mod open;
mod random;
pub mod raw;
mod reconnect;
mod relay;
mod resume;
mod serve;
mod tell;
mod tunnel;
mod watch;
mod workers;

#[cfg(feature = "stream")]
pub(crate) use abort::AbortOnDrop;
pub use call::{
    Answer, Answered, Call, CallFuture, Caller, ConnectionCall, Deadline, OutgoingCall,
    OutgoingWatch, Reply,
};
pub use channel::{IncomingChannels, OutgoingChannels, Rx, Tx, channel};
pub use codec::{DecodeError, EncodeError, Malformed};
pub use connections::{IncomingConnection, IncomingConnections, RejectError};
pub use diagnostics::{Diagnostics, LinkDiagnostics, Links};
pub use error::{
    AskError, CallError, CallFailure, ConnectError, Never, RecvError, RoamError, SendError,
};
pub use extensions::Extensions;
pub use forward::{ForwardingDispatcher, LateBoundForwarder, LateBoundHandle, forward_connections};
pub use identity::Identity;
pub use layer::{
    CallService, CallerService, Dispatched, LayeredCall, LayeredCaller, LayeredDispatcher,
};
pub use link::{AttachError, ConnectionHandle, DetachedLink, Driver};
pub use nonce::{MalformedNonce, NONCE_KEY, Nonce, NonceDispatcher, NonceLimits};
pub use open::{Dial, LinkBuilder, Opened, accept, connect};
pub use reconnect::{LinkState, LinkStates, ReconnectingClient, RetryPolicy};
pub use resume::{Accepted, Acceptor, DialedDriver, Incoming, KeptDriver, NewLink};
pub use serve::{
    CallWatch, Context, IncomingCall, NoDispatcher, Respond, RoutedDispatcher, ServiceDispatcher,
};
pub use tunnel::{Tunnel, tunnel_pair};
#[cfg(feature = "stream")]
pub use tunnel::{pump_read_to_tx, pump_rx_to_write, tunnel_stream};
