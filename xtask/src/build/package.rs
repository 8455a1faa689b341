//! The npm package `roam-client`.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use super::{npm, size, wasm};
use crate::shell::{Run, Workspace};

/// The package's folder in the workspace.
pub const FOLDER: &str = "roam-wasm/js";

/// What would be published. The page depends on this file, hence a name without a version.
pub const PACKED: &str = "roam-wasm/js/roam-client.tgz";

/// Builds the package, down to [`PACKED`].
pub fn build(workspace: &Workspace) -> Result<()> {
    let folder = workspace.path(FOLDER);
    wasm::build(workspace, &folder.join("wasm"))?;
    npm::install(workspace, &folder)?;
    println!("build: JavaScript of roam-client");
    npm::run_script(workspace, &folder, "build").run()?;
    println!("build: packing roam-client");
    let told = npm::npm(workspace, &folder)
        .args(["pack", "--json"])
        .read()?;
    let packed = size::measure(workspace, &told)?;
    fs::rename(folder.join(&packed.file), workspace.path(PACKED))
        .with_context(|| format!("could not rename {}", packed.file))?;
    size::check(&packed.parts)
}

/// Installs the packed package into another folder, as users do.
pub fn install_into(workspace: &Workspace, folder: &Path) -> Result<()> {
    println!("build: installing roam-client into {}", folder.display());
    // Named once more: npm takes a file of the same name for the same package as before.
    npm::npm(workspace, folder)
        .args(["install", "--silent", "--no-save", "--no-package-lock"])
        .arg(workspace.path(PACKED))
        .run()
}
