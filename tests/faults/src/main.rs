//! The proxy as a program, for tests that are not written in Rust.
//!
//! It prints its address, then reads a command from each line of its input and answers it by one
//! line, in order. While a `wait` waits, later commands wait too. It ends with its input.
//! `roam_faults::Command` lists the commands.

#![forbid(unsafe_code)]

use std::fmt::Write as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::process::ExitCode;

use roam_faults::{FaultProxy, StartError, answer};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, stdin, stdout};

const USAGE: &str = "usage: roam-faults --upstream 127.0.0.1:8080 [--listen 127.0.0.1:0]";

#[derive(Debug, thiserror::Error)]
enum ProgramError {
    #[error("unknown option `{0}`\n{USAGE}")]
    UnknownOption(String),
    #[error("{option} needs an address with a port, not `{value}`\n{USAGE}")]
    Address { option: String, value: String },
    #[error("--upstream is missing\n{USAGE}")]
    NoUpstream,
    #[error(transparent)]
    Start(#[from] StartError),
    #[error("failed to read commands or to write answers")]
    Io(#[from] std::io::Error),
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run(std::env::args().skip(1)).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("roam-faults: {}", with_sources(&error));
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: impl Iterator<Item = String>) -> Result<(), ProgramError> {
    let (upstream, listen) = addresses(arguments)?;
    let proxy = FaultProxy::listen(listen, upstream).await?;
    say(&proxy.addr().to_string()).await?;
    let mut lines = BufReader::new(stdin()).lines();
    while let Some(line) = lines.next_line().await? {
        say(&answer(&proxy, &line).await).await?;
    }
    Ok(())
}

/// Returns the upstream and the address to listen on.
fn addresses(
    mut arguments: impl Iterator<Item = String>,
) -> Result<(SocketAddr, SocketAddr), ProgramError> {
    let mut upstream = None;
    let mut listen = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    while let Some(option) = arguments.next() {
        let value = arguments.next().unwrap_or_default();
        let address = value.parse();
        match (option.as_str(), address) {
            ("--upstream", Ok(address)) => upstream = Some(address),
            ("--listen", Ok(address)) => listen = address,
            ("--upstream" | "--listen", Err(_)) => {
                return Err(ProgramError::Address { option, value });
            }
            _ => return Err(ProgramError::UnknownOption(option)),
        }
    }
    Ok((upstream.ok_or(ProgramError::NoUpstream)?, listen))
}

async fn say(line: &str) -> std::io::Result<()> {
    let mut stdout = stdout();
    stdout.write_all(format!("{line}\n").as_bytes()).await?;
    stdout.flush().await
}

fn with_sources(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        // Writing to a string cannot fail.
        let _ = write!(text, ": {error}");
        source = error.source();
    }
    text
}
