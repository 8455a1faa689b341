//! The server for the browser tests.
//!
//! - `browser-server serve <folder>` listens on the port `PORT`, or a free one, prints it, and serves the
//!   folder and all services until it is stopped.
//! - `browser-server bindings <folder>` writes the TypeScript bindings of the services.

use std::io::{self, Write as _};
use std::path::Path;

use axum::serve::ListenerExt as _;
use roam_tests::browser;
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> io::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let (command, folder) = (arguments.next(), arguments.next().unwrap_or_default());
    match command.as_deref() {
        Some("serve") => serve(Path::new(&folder)).await,
        Some("bindings") => browser::write_bindings(Path::new(&folder)),
        _ => Err(io::Error::other(
            "usage: browser-server serve|bindings <folder>",
        )),
    }
}

async fn serve(folder: &Path) -> io::Result<()> {
    let port = std::env::var("PORT")
        .ok()
        .and_then(|port| port.parse().ok());
    let listener = TcpListener::bind(("127.0.0.1", port.unwrap_or(0))).await?;
    println!("{}", listener.local_addr()?.port());
    io::stdout().flush()?;
    let listener = listener.tap_io(|socket| {
        // A socket that waits for the peer's acknowledgements is only slower.
        let _ = socket.set_nodelay(true);
    });
    axum::serve(listener, browser::router(folder)).await
}
