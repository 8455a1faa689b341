//! Builds programs of this workspace and of the benchmark, which is a separate workspace.

use std::path::PathBuf;
use std::process::Command;

use anyhow::Result;

use crate::shell::{Run, Workspace};

/// The folder of the benchmark in the workspace.
const BENCHMARK: &str = "bench";

/// Makes cargo keep to the lock file: some dependencies of the benchmark break with other versions.
pub const LOCKED: &str = "--locked";

/// A cargo profile.
#[derive(Clone, Copy, Debug)]
pub enum Profile {
    /// For tests: builds fast and checks itself at run time.
    Dev,
    /// For use and measurements.
    Release,
}

impl Profile {
    fn name(self) -> &'static str {
        match self {
            Self::Dev => "dev",
            Self::Release => "release",
        }
    }

    /// Returns the output folder of this profile.
    fn folder(self) -> &'static str {
        match self {
            Self::Dev => "target/debug",
            Self::Release => "target/release",
        }
    }
}

/// Builds a program of this workspace and returns its path.
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

/// Builds a program of the benchmark and returns its path.
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
    cargo_in_bench(workspace, &arguments).run()?;
    Ok(workspace.path(profile.folder()).join(program))
}

/// Returns a cargo command in the benchmark's workspace. It builds into the folder of this workspace,
/// where both share the dependencies that they have in common.
pub fn cargo_in_bench(workspace: &Workspace, arguments: &[&str]) -> Command {
    let mut command = workspace.command("cargo");
    command
        .current_dir(workspace.path(BENCHMARK))
        .env("CARGO_TARGET_DIR", workspace.path("target"))
        .args(arguments);
    command
}
