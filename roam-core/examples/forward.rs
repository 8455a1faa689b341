//! Forwards a TCP port through a link, as `ssh -L` does.
//!
//! On the far side, with the address to listen on and the target:
//!
//! ```sh
//! cargo run -p roam-core --features stream --example forward -- exit 127.0.0.1:9000 127.0.0.1:80
//! ```
//!
//! On the near side, with the port to forward and the address of the far side:
//!
//! ```sh
//! cargo run -p roam-core --features stream --example forward -- enter 127.0.0.1:8080 127.0.0.1:9000
//! ```

use std::error::Error;
use std::io;

use roam_core::net::stream::tcp;
use roam_core::{
    CallError, Context, service,
    tunnel::{Tunnel, tunnel_pair},
};
use tokio::net::{TcpListener, TcpStream};

/// The far side of a forwarded port.
#[service]
trait Forward {
    /// Opens a connection to the target.
    async fn open(&self) -> Result<Tunnel, String>;
}

struct Exit {
    target: String,
}

impl Forward for Exit {
    async fn open(&self, _: &Context) -> Result<Tunnel, String> {
        let connected = TcpStream::connect(&self.target).await;
        let socket = connected.map_err(|error| error.to_string())?;
        let (ours, theirs) = tunnel_pair();
        tokio::spawn(tcp::tunnel(socket, ours));
        Ok(theirs)
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    match &*arguments.iter().map(String::as_str).collect::<Vec<_>>() {
        ["exit", listen, target] => exit(listen, target).await?,
        ["enter", listen, exit] => enter(listen, exit).await?,
        _ => return Err("usage: forward exit <listen> <target> | enter <listen> <exit>".into()),
    }
    Ok(())
}

/// Accepts links and connects to the target for them.
async fn exit(listen: &str, target: &str) -> io::Result<()> {
    let listener = TcpListener::bind(listen).await?;
    loop {
        let target = target.to_owned();
        let dispatcher = ForwardDispatcher::new(Exit { target });
        let (_, driver) = tcp::accept(&listener).await?.dispatcher(dispatcher).drive();
        tokio::spawn(driver);
    }
}

/// Accepts connections and sends each through the link.
async fn enter(listen: &str, exit: &str) -> Result<(), Box<dyn Error>> {
    let link = tcp::connect(exit.to_owned()).await?;
    let far = ForwardClient::new(link.clone());
    let listener = TcpListener::bind(listen).await?;
    loop {
        let (socket, from) = tokio::select! {
            accepted = listener.accept() => accepted?,
            reason = link.closed() => return Err(reason.to_string().into()),
        };
        let opening = far.open().into_future();
        tokio::spawn(async move {
            if let Err(error) = carry(socket, opening).await {
                eprintln!("{from}: {error}");
            }
        });
    }
}

async fn carry(
    socket: TcpStream,
    opening: impl Future<Output = Result<Tunnel, CallError<String>>>,
) -> Result<(), Box<dyn Error>> {
    let tunnel = opening.await?;
    Ok(tcp::tunnel(socket, tunnel).await?)
}
