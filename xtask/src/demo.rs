//! `cargo xtask demo`: from a fresh checkout to a page that one can open.

use anyhow::Result;

use crate::shell::{Run, Workspace};
use crate::{build, setup};

/// Builds everything and serves the demo until it is stopped; the server prints its address.
pub fn run(workspace: &Workspace) -> Result<()> {
    setup::everything_to_build(workspace)?;
    build::package(workspace)?;
    build::generate_bindings(workspace)?;
    build::page(workspace)?;
    let server = build::server(workspace)?;
    workspace.command(server).run()
}
