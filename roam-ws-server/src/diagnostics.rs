//! Diagnostics on SIGUSR1.

use std::future::Future;
use std::io;

use roam_core::diagnostics::Links;
use tokio::signal::unix::{SignalKind, signal};

/// Calls `report` with a text of everything in flight on `links` each time the process gets
/// SIGUSR1.
///
/// Meant for a program's main function:
///
/// ```no_run
/// use roam_core::{NoDispatcher, diagnostics::Links};
/// use roam_ws_server::{Server, report_on_sigusr1};
///
/// # async fn example() -> std::io::Result<()> {
/// let links = Links::new();
/// tokio::spawn(report_on_sigusr1(links.clone(), |text| eprint!("{text}"))?);
/// let listener = tokio::net::TcpListener::bind("127.0.0.1:8080").await?;
/// Server::new(NoDispatcher).with_links(links).serve(listener).await;
/// # Ok(()) }
/// ```
///
/// Once this function returns, SIGUSR1 no longer ends the process. Reports are made only while the
/// future is polled.
///
/// # Errors
/// Fails if the system does not let the process handle the signal.
///
/// # Panics
/// Panics outside a tokio runtime with its I/O driver enabled.
pub fn report_on_sigusr1(
    links: Links,
    mut report: impl FnMut(String) + Send + 'static,
) -> io::Result<impl Future<Output = ()> + Send + 'static> {
    let mut signals = signal(SignalKind::user_defined1())?;
    Ok(async move {
        while signals.recv().await.is_some() {
            report(links.to_string());
        }
    })
}
