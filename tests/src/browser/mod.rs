//! The server that pages are tested against, with services for everything that a page can do.

pub mod calls;
mod http;
pub mod notifier;
pub mod parcels;
mod raw_echo;
pub mod sockets;
pub mod streams;
pub mod values;
pub mod watch;

use std::io;
use std::path::Path;

use roam_core::RoutedDispatcher;

pub use http::router;

/// Everything that the server answers. Clients of one dispatcher share what is watched.
fn dispatcher() -> RoutedDispatcher {
    let watched = watch::Watched::default();
    RoutedDispatcher::new()
        .with(values::ValuesDispatcher::new(values::Mirror))
        .with(calls::CallsDispatcher::new(calls::Answering {
            watched: watched.clone(),
        }))
        .with(streams::StreamsDispatcher::new(streams::Streaming {
            watched: watched.clone(),
        }))
        .with(parcels::ParcelsDispatcher::new(parcels::Packer))
        .with(sockets::SocketsDispatcher::new(sockets::Forwarder))
        .with(watch::WatchDispatcher::new(watched))
}

/// Writes the TypeScript of the services, a file each.
pub fn write_bindings(folder: &Path) -> io::Result<()> {
    let services = [
        ("values.ts", values::values_service()),
        ("calls.ts", calls::calls_service()),
        ("streams.ts", streams::streams_service()),
        ("parcels.ts", parcels::parcels_service()),
        ("sockets.ts", sockets::sockets_service()),
        ("watch.ts", watch::watch_service()),
        ("notifier.ts", notifier::notifier_service()),
    ];
    for (file, service) in services {
        roam_codegen::write(service, folder.join(file))?;
    }
    Ok(())
}
