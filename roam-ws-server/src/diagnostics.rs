//! Tells what is in flight when the process is asked by a signal.

use std::future::Future;
use std::io;

use roam_core::Links;
use tokio::signal::unix::{SignalKind, signal};

/// Hands `report` what is in flight on `links`, as text, each time that the process gets SIGUSR1.
/// It is for the program's main function:
///
/// ```no_run
/// use roam_core::{Links, NoDispatcher};
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
/// From the call on, SIGUSR1 does not end the process any more. Nothing is told before the future
/// is run.
///
/// # Errors
/// The system does not let the process handle the signal.
///
/// # Panics
/// Outside of a tokio runtime that has its I/O driver enabled.
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
