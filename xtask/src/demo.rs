//! `cargo xtask demo`: from a fresh checkout to a page that one can open.

use std::process::Command;

use anyhow::Result;

use crate::build::Profile;
use crate::shell::Workspace;
use crate::{build, setup};

/// Builds everything and serves the demo until it is stopped; the server prints its address.
pub fn run(workspace: &Workspace) -> Result<()> {
    setup::to_build(workspace)?;
    build::package(workspace)?;
    build::generate_bindings(workspace)?;
    build::page(workspace)?;
    let server = build::server(workspace, Profile::Release)?;
    become_program(&mut workspace.command(server))
}

/// Goes on as another program, so that whoever stops us stops it.
#[cfg(unix)]
fn become_program(command: &mut Command) -> Result<()> {
    use std::os::unix::process::CommandExt;

    Err(anyhow::Error::new(command.exec()).context("the server could not be started"))
}

#[cfg(not(unix))]
fn become_program(command: &mut Command) -> Result<()> {
    crate::shell::Run::run(command)
}
