//! Packages of Debian and its derivatives.

use std::ffi::OsStr;
use std::process::Command;

use anyhow::{Result, bail};

use crate::shell::{Run, Workspace};

/// Installs packages.
pub fn install(workspace: &Workspace, packages: &[&str]) -> Result<()> {
    if workspace.find("apt-get").is_none() {
        bail!("apt-get not found: this is not Debian or a derivative");
    }
    // Another apt-get may be running, for example on a machine that has just booted.
    let wait_for_lock = ["-o", "DPkg::Lock::Timeout=300"];
    as_root(workspace, "apt-get")
        .args(wait_for_lock)
        .args(["update", "-qq"])
        .run()?;
    as_root(workspace, "env")
        .args(["DEBIAN_FRONTEND=noninteractive", "apt-get", "-qq"])
        .args(wait_for_lock)
        .args(["install", "-y", "--no-install-recommends"])
        .args(packages)
        .run()
}

/// Returns a command that runs as root, through sudo unless the user is root.
pub fn as_root(workspace: &Workspace, program: impl AsRef<OsStr>) -> Command {
    let we_are_root = workspace
        .command("id")
        .arg("-u")
        .read()
        .is_ok_and(|id| id == "0");
    if we_are_root {
        return workspace.command(program);
    }
    let mut command = workspace.command("sudo");
    command.arg(program);
    command
}
