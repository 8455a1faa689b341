//! Programs of this workspace and of the benchmark, which is a workspace of its own.

use std::path::PathBuf;
use std::process::Command;

use anyhow::Result;

use crate::shell::{Run, Workspace};

/// The benchmark's folder in the workspace.
const BENCHMARK: &str = "bench";

/// The versions of the lock file, and no others: some that the benchmark depends on work only so.
pub const LOCKED: &str = "--locked";

/// How a program is built.
#[derive(Clone, Copy, Debug)]
pub enum Profile {
    /// To see that it works: quickly built, and it looks after itself as it runs.
    Dev,
    /// To be used, or measured.
    Release,
}

impl Profile {
    fn name(self) -> &'static str {
        match self {
            Self::Dev => "dev",
            Self::Release => "release",
        }
    }

    /// Where cargo puts what is built so.
    fn folder(self) -> &'static str {
        match self {
            Self::Dev => "target/debug",
            Self::Release => "target/release",
        }
    }
}

/// Builds a program of this workspace and tells where it lies.
pub fn program(
    workspace: &Workspace,
    package: &str,
    program: &str,
    profile: Profile,
) -> Result<PathBuf> {
    println!("build: {program}");
    workspace
        .command("cargo")
        .args(["build", "--profile", profile.name()])
        .args(["--package", package, "--bin", program])
        .run()?;
    Ok(workspace.path(profile.folder()).join(program))
}

/// Builds a program of the benchmark and tells where it lies.
pub fn benchmark(workspace: &Workspace, program: &str, profile: Profile) -> Result<PathBuf> {
    println!("build: {program}");
    let arguments = [
        "build",
        LOCKED,
        "--profile",
        profile.name(),
        "--bin",
        program,
    ];
    in_benchmark(workspace, &arguments).run()?;
    let built = workspace.path(BENCHMARK).join(profile.folder());
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
