//! A contender's server in a child process, which runs this program again.

use std::net::SocketAddr;
use std::process::Stdio;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::process::Command;

use crate::contender::{Limits, Result};
use crate::dyn_contender::DynContender;
use crate::memory;
use crate::workloads::listen;

/// The argument that runs this program as a server.
pub const SERVE: &str = "serve";

/// A server in a child process, killed on drop.
#[derive(Debug)]
pub struct Child {
    /// The address it listens on.
    pub address: SocketAddr,
    process: tokio::process::Child,
}

impl Child {
    /// Starts the server of the named contender.
    pub async fn start(name: &str) -> Result<Self> {
        let mut process = Command::new(std::env::current_exe()?)
            .args([SERVE, name])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let stdout = process.stdout.take().ok_or("stdout is not piped")?;
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line).await?;
        let address = line.trim().parse()?;
        Ok(Self { address, process })
    }

    /// Returns the resident memory of the server, in bytes.
    pub fn memory(&self) -> Result<u64> {
        let id = self.process.id().ok_or("the server has ended")?;
        memory::resident(&id.to_string())
    }
}

/// Runs the server: prints its address and serves until standard input is closed.
pub async fn serve(contender: &dyn DynContender) -> Result<()> {
    let listener = listen().await?;
    println!("{}", listener.local_addr()?);
    tokio::spawn(contender.serve(listener, Limits::Default));
    tokio::io::stdin().read_to_end(&mut Vec::new()).await?;
    Ok(())
}
