//! The demo's page and the server that holds it.

use std::path::PathBuf;

use anyhow::Result;

use super::{npm, package};
use crate::shell::{Run, Workspace};

/// The page's folder in the workspace.
pub const FOLDER: &str = "web-demo/page";

/// Builds the page with the packed npm package installed as users install it.
pub fn build(workspace: &Workspace) -> Result<()> {
    let folder = workspace.path(FOLDER);
    npm::install(workspace, &folder)?;
    println!("build: installing roam-client into the page");
    // Named once more: npm takes a file of the same name for the same package as before.
    npm::npm(workspace, &folder)
        .args(["install", "--silent", "--no-save", "--no-package-lock"])
        .arg(workspace.path(package::PACKED))
        .run()?;
    println!("build: page");
    npm::run_script(workspace, &folder, "build").run()
}

/// Builds the server for release, with the page in it, and gives its program.
pub fn server(workspace: &Workspace) -> Result<PathBuf> {
    println!("build: web-demo");
    let arguments = [
        "build",
        "--release",
        "--package",
        "web-demo",
        "--bin",
        "web-demo",
    ];
    workspace.command("cargo").args(arguments).run()?;
    Ok(workspace.path("target/release/web-demo"))
}
