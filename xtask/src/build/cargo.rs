//! Programs of this workspace and of the benchmark, which is a workspace of its own.

use std::path::PathBuf;
use std::process::Command;

use anyhow::Result;

use crate::shell::{Run, Workspace};

/// The benchmark's folder in the workspace.
const BENCHMARK: &str = "bench";

/// The versions of the lock file, and no others: some that the benchmark depends on work only so.
pub const LOCKED: &str = "--locked";

/// Builds a program for release and tells where it lies.
pub fn release(workspace: &Workspace, package: &str, program: &str) -> Result<PathBuf> {
    println!("build: {program}");
    let arguments = ["build", "--release", "--package", package, "--bin", program];
    workspace.command("cargo").args(arguments).run()?;
    Ok(workspace.path("target/release").join(program))
}

/// How a program of the benchmark is built.
#[derive(Clone, Copy, Debug)]
pub enum Profile {
    /// To see that it runs.
    Dev,
    /// To measure.
    Release,
}

/// Builds a program of the benchmark and tells where it lies.
pub fn benchmark(workspace: &Workspace, program: &str, profile: Profile) -> Result<PathBuf> {
    println!("build: {program}");
    let (name, folder) = match profile {
        Profile::Dev => ("dev", "debug"),
        Profile::Release => ("release", "release"),
    };
    let arguments = ["build", LOCKED, "--profile", name, "--bin", program];
    in_benchmark(workspace, &arguments).run()?;
    let built = workspace.path(BENCHMARK).join("target").join(folder);
    Ok(built.join(program))
}

/// cargo in the benchmark's workspace.
pub fn in_benchmark(workspace: &Workspace, arguments: &[&str]) -> Command {
    let mut command = workspace.command("cargo");
    command
        .current_dir(workspace.path(BENCHMARK))
        .args(arguments);
    command
}
