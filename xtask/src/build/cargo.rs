//! Programs of this workspace.

use std::path::PathBuf;

use anyhow::Result;

use crate::shell::{Run, Workspace};

/// Builds a program for release and tells where it lies.
pub fn release(workspace: &Workspace, package: &str, program: &str) -> Result<PathBuf> {
    println!("build: {program}");
    let arguments = ["build", "--release", "--package", package, "--bin", program];
    workspace.command("cargo").args(arguments).run()?;
    Ok(workspace.path("target/release").join(program))
}
