//! A contender's server in a process of its own: this program again.

use std::net::SocketAddr;
use std::process::Stdio;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::process::Command;

use crate::contender::{Limits, Result};
use crate::memory;
use crate::subject::Subject;
use crate::workloads::listen;

/// The argument that makes the program a server.
pub const SERVE: &str = "serve";

/// A server in a process of its own, until it is dropped.
#[derive(Debug)]
pub struct Child {
    /// Where it listens.
    pub address: SocketAddr,
    process: tokio::process::Child,
}

impl Child {
    /// Starts the server of the contender with that name.
    pub async fn start(name: &str) -> Result<Self> {
        let mut process = Command::new(std::env::current_exe()?)
            .args([SERVE, name])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let stdout = process.stdout.take().ok_or("no output of the server")?;
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line).await?;
        let address = line.trim().parse()?;
        Ok(Self { address, process })
    }

    /// Its resident memory, in bytes.
    pub fn memory(&self) -> Result<u64> {
        let id = self.process.id().ok_or("the server has ended")?;
        memory::resident(&id.to_string())
    }
}

/// Is the server: prints its address, and serves until its input ends.
pub async fn serve(subject: &dyn Subject) -> Result<()> {
    let listener = listen().await?;
    println!("{}", listener.local_addr()?);
    tokio::spawn(subject.serve(listener, Limits::Default));
    tokio::io::stdin().read_to_end(&mut Vec::new()).await?;
    Ok(())
}
