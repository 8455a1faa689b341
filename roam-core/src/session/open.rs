//! Opening links over transports.

use super::error::ConnectError;
use super::link::{ConnectionHandle, Driver};
use super::serve::{DispatchService, ServiceDispatcher};
use crate::proto::{Config, Link, Role};
use crate::rt::{self, Clock};
use crate::transport::Transport;

/// Opens a link over a transport that we connected. Nothing happens before the driver is polled.
///
/// ```
/// use roam_core::{Config, NoDispatcher, accept, connect};
/// use roam_core::proto::Framing;
/// use roam_core::transport::memory_pair;
///
/// # tokio::runtime::Runtime::new().unwrap().block_on(async {
/// let (ours, theirs) = memory_pair(Framing::Packed);
/// let (client, driver) = connect(ours, NoDispatcher, &Config::client());
/// tokio::spawn(driver);
/// let (server, driver) = accept(theirs, NoDispatcher, &Config::default());
/// tokio::spawn(driver);
///
/// assert_eq!(client.ready().await?.max_payload_size, 1 << 20);
/// client.close("that was all");
/// assert_eq!(server.closed().await.to_string(), "closed by the peer: that was all");
/// # Ok::<(), roam_core::ConnectError>(())
/// # }).unwrap();
/// ```
pub fn connect<T: Transport>(
    transport: T,
    dispatcher: impl ServiceDispatcher,
    config: &Config,
) -> (ConnectionHandle, Driver<T>) {
    open(Role::Initiator, transport, dispatcher, config)
}

/// Opens a link over a transport that we accepted; see [`connect`]. The link goes on until either
/// side closes it, even when the handle is dropped.
pub fn accept<T: Transport>(
    transport: T,
    dispatcher: impl ServiceDispatcher,
    config: &Config,
) -> (ConnectionHandle, Driver<T>) {
    open(Role::Acceptor, transport, dispatcher, config)
}

/// Opens a link over a transport that we connected, runs it in the background, and waits until the
/// handshake is complete.
pub async fn initiate<T: Transport>(
    transport: T,
    dispatcher: impl ServiceDispatcher,
    config: &Config,
) -> Result<ConnectionHandle, ConnectError> {
    let (handle, driver) = connect(transport, dispatcher, config);
    rt::spawn(async move {
        driver.await;
    });
    handle.ready().await?;
    Ok(handle)
}

fn open<T: Transport>(
    role: Role,
    transport: T,
    dispatcher: impl ServiceDispatcher,
    config: &Config,
) -> (ConnectionHandle, Driver<T>) {
    let clock = Clock::start();
    let link = Link::new(role, transport.framing(), config, clock.now());
    let handle = ConnectionHandle::new(link, DispatchService::service(dispatcher), clock);
    let driver = Driver::new(transport, &handle, role);
    (handle, driver)
}
