//! `cargo xtask demo`: from a fresh checkout to a running demo.

use std::process::Command;

use anyhow::Result;

use crate::build::Profile;
use crate::shell::Workspace;
use crate::{build, setup};

/// Builds everything and runs the demo server, which prints its address, until it is stopped.
pub fn run(workspace: &Workspace) -> Result<()> {
    setup::ensure_build_tools(workspace)?;
    build::package(workspace)?;
    build::generate_bindings(workspace)?;
    build::page(workspace)?;
    let server = build::server(workspace, Profile::Release)?;
    exec(&mut workspace.command(server))
}

/// Replaces this process with `command`, so that stopping xtask stops the server.
#[cfg(unix)]
fn exec(command: &mut Command) -> Result<()> {
    use std::os::unix::process::CommandExt;

    Err(anyhow::Error::new(command.exec()).context("failed to start the server"))
}

#[cfg(not(unix))]
fn exec(command: &mut Command) -> Result<()> {
    crate::shell::Run::run(command)
}
