//! The server of the roam demo.

use std::io;
use std::net::{IpAddr, Ipv4Addr};

use axum::serve::ListenerExt as _;
use clap::Parser;
use roam_core::diagnostics::Links;
use tokio::net::TcpListener;

/// Serves the roam demo: a page and the services it calls.
#[derive(Parser)]
#[command(name = "web-demo", version)]
struct Options {
    /// The port to listen on; 0 picks a free one.
    #[arg(long, env = "PORT", default_value_t = 8080)]
    port: u16,
    /// The address to listen on. The default is reachable only from this machine.
    #[arg(long, default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST))]
    address: IpAddr,
}

#[tokio::main]
async fn main() -> io::Result<()> {
    let Options { port, address } = Options::parse();
    let listener = TcpListener::bind((address, port)).await.map_err(|error| {
        let what = format!("failed to listen on {address}, port {port}: {error}");
        io::Error::new(error.kind(), what)
    })?;
    println!("roam demo: open http://{}", listener.local_addr()?);
    let links = Links::new();
    #[cfg(unix)]
    tokio::spawn(roam_ws_server::report_on_sigusr1(links.clone(), |text| {
        eprint!("{text}");
    })?);
    let listener = listener.tap_io(|socket| {
        // A socket that waits for the peer's acknowledgements is only slower.
        let _ = socket.set_nodelay(true);
    });
    axum::serve(listener, web_demo::router(links)).await
}
