//! Folders managed by npm.

use std::path::Path;
use std::process::Command;

use anyhow::Result;

use crate::shell::{Run, Workspace, is_newer};

/// Installs the dependencies locked by a folder's `package-lock.json`.
pub fn install(workspace: &Workspace, folder: &Path) -> Result<()> {
    let inputs = [
        folder.join("package.json"),
        folder.join("package-lock.json"),
    ];
    if is_newer(&folder.join("node_modules/.package-lock.json"), &inputs) {
        return Ok(());
    }
    println!("build: npm dependencies of {}", folder.display());
    npm(workspace, folder).arg("ci").run()
}

/// Returns a command that runs a script of a folder's `package.json`.
pub fn run_script(workspace: &Workspace, folder: &Path, script: &str) -> Command {
    let mut command = npm(workspace, folder);
    command.args(["run", "--silent", script]);
    command
}

/// Returns an npm command that runs in `folder`.
pub fn npm(workspace: &Workspace, folder: &Path) -> Command {
    let mut command = workspace.command("npm");
    command.current_dir(folder);
    command
}
