//! Folders that npm manages.

use std::path::Path;
use std::process::Command;

use anyhow::Result;

use crate::shell::{Run, Workspace, is_newer};

/// Installs the dependencies of a folder as its `package-lock.json` has them.
pub fn install(workspace: &Workspace, folder: &Path) -> Result<()> {
    let inputs = [
        folder.join("package.json"),
        folder.join("package-lock.json"),
    ];
    if is_newer(&folder.join("node_modules/.package-lock.json"), &inputs) {
        return Ok(());
    }
    println!("build: npm packages of {}", folder.display());
    npm(workspace, folder).arg("ci").run()
}

/// A command that runs a script of a folder's `package.json`.
pub fn run_script(workspace: &Workspace, folder: &Path, script: &str) -> Command {
    let mut command = npm(workspace, folder);
    command.args(["run", "--silent", script]);
    command
}

/// npm in a folder.
pub fn npm(workspace: &Workspace, folder: &Path) -> Command {
    let mut command = workspace.command("npm");
    command.current_dir(folder);
    command
}
