//! The server for the browser tests, with a service for everything that a page can do.

pub mod calls;
pub mod endings;
mod http;
pub mod links;
pub mod notifier;
pub mod parcels;
mod raw_echo;
pub mod sockets;
pub mod streams;
pub mod values;
pub mod watch;

use std::io;
use std::path::Path;

use roam_core::introspection::introspection;
use roam_core::{RoutedDispatcher, ServiceDescriptor};

pub use http::router;

/// Returns a dispatcher for all services. Its clients share one set of watched handlers.
fn dispatcher() -> RoutedDispatcher {
    let watched = watch::Watched::default();
    RoutedDispatcher::new()
        .with(values::ValuesDispatcher::new(values::ValuesHandler))
        .with(calls::CallsDispatcher::new(calls::CallsHandler {
            watched: watched.clone(),
        }))
        .with(streams::StreamsDispatcher::new(streams::StreamsHandler {
            watched: watched.clone(),
        }))
        .with(endings::EndingsDispatcher::new(endings::EndingsHandler {
            watched: watched.clone(),
        }))
        .with(links::LinksDispatcher::new(links::LinksHandler))
        .with(parcels::ParcelsDispatcher::new(parcels::ParcelsHandler))
        .with(sockets::SocketsDispatcher::new(sockets::SocketsHandler))
        .with(watch::WatchDispatcher::new(watched))
        .with(introspection(services().map(|(_, service)| service)))
}

/// Writes a file of TypeScript bindings for each service.
pub fn write_bindings(folder: &Path) -> io::Result<()> {
    let notifier = ("notifier.ts", notifier::notifier_service());
    for (file, service) in services().into_iter().chain([notifier]) {
        roam_codegen::write(service, folder.join(file))?;
    }
    Ok(())
}

/// Returns the services with their file names.
fn services() -> [(&'static str, &'static ServiceDescriptor); 8] {
    [
        ("values.ts", values::values_service()),
        ("calls.ts", calls::calls_service()),
        ("streams.ts", streams::streams_service()),
        ("endings.ts", endings::endings_service()),
        ("links.ts", links::links_service()),
        ("parcels.ts", parcels::parcels_service()),
        ("sockets.ts", sockets::sockets_service()),
        ("watch.ts", watch::watch_service()),
    ]
}
