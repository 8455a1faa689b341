//! The service `Sockets`: TCP connections tunneled through a link.

use std::io;

use roam_core::net::stream::tcp;
use roam_core::{
    Context, Schema, service,
    tunnel::{Tunnel, tunnel_pair},
};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Opens TCP connections from the server.
#[service]
pub trait Sockets {
    /// Connects to a program and returns the connection.
    async fn connect(&self, to: Program) -> Result<Tunnel, String>;
    /// Connects to a program and joins `tunnel` to it until both directions have ended.
    async fn forward(&self, to: Program, tunnel: Tunnel) -> Result<(), String>;
}

/// A program that accepts one connection on the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Schema)]
pub enum Program {
    /// Echoes all bytes, then sends how many there were.
    Echo,
    /// Reads one byte and resets the connection.
    Reset,
}

/// The handler of [`Sockets`].
#[derive(Clone, Copy, Debug)]
pub struct SocketsHandler;

impl Sockets for SocketsHandler {
    async fn connect(&self, _: &Context, to: Program) -> Result<Tunnel, String> {
        let socket = connect(to).await.map_err(|error| error.to_string())?;
        let (ours, theirs) = tunnel_pair();
        tokio::spawn(tcp::tunnel(socket, ours));
        Ok(theirs)
    }

    async fn forward(&self, _: &Context, to: Program, tunnel: Tunnel) -> Result<(), String> {
        let forward = async { tcp::tunnel(connect(to).await?, tunnel).await };
        forward.await.map_err(|error| error.to_string())
    }
}

/// Starts a program and connects to it over TCP.
async fn connect(to: Program) -> io::Result<TcpStream> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let connecting = TcpStream::connect(listener.local_addr()?);
    let (socket, (accepted, _)) = tokio::try_join!(connecting, listener.accept())?;
    tokio::spawn(run(to, accepted));
    Ok(socket)
}

async fn run(program: Program, mut socket: TcpStream) -> io::Result<()> {
    match program {
        Program::Echo => {
            let (mut reader, mut writer) = socket.split();
            let bytes = tokio::io::copy(&mut reader, &mut writer).await?;
            let farewell = format!("{bytes} bytes");
            writer.write_all(farewell.as_bytes()).await?;
            writer.shutdown().await
        }
        Program::Reset => {
            socket.read_u8().await?;
            socket.set_zero_linger()
        }
    }
}
