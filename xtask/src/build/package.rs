//! The npm package `@roam-rpc/client`.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use super::{npm, size, wasm};
use crate::shell::{Run, Workspace};

/// The package's name.
pub const NAME: &str = "@roam-rpc/client";

/// The package's folder in the workspace.
pub const FOLDER: &str = "roam-wasm/js";

/// The packed package. Its name has no version because the page depends on it by name.
pub const PACKED: &str = "roam-wasm/js/roam-rpc-client.tgz";

/// Builds [`PACKED`].
pub fn build(workspace: &Workspace) -> Result<()> {
    let folder = workspace.path(FOLDER);
    wasm::build(workspace, &folder.join("wasm"))?;
    npm::install(workspace, &folder)?;
    println!("build: JavaScript of {NAME}");
    npm::run_script(workspace, &folder, "build").run()?;
    println!("build: packing {NAME}");
    let listing = npm::npm(workspace, &folder)
        .args(["pack", "--json"])
        .read()?;
    let packed = size::measure(workspace, &listing)?;
    fs::rename(folder.join(&packed.file), workspace.path(PACKED))
        .with_context(|| format!("failed to rename {}", packed.file))?;
    size::check(&packed.parts)
}

/// Installs the packed package into another folder, the way users do.
pub fn install_into(workspace: &Workspace, folder: &Path) -> Result<()> {
    println!("build: installing {NAME} into {}", folder.display());
    // Pass the path again: npm assumes that a file of the same name is still the same package.
    npm::npm(workspace, folder)
        .args(["install", "--silent", "--no-save", "--no-package-lock"])
        .arg(workspace.path(PACKED))
        .run()
}
