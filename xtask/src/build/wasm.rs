//! The wasm module and its JavaScript bindings.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::wasm_command;
use crate::setup::wasm_std::TARGET;
use crate::shell::{Run, Workspace, is_newer};

const CRATE: &str = "roam-wasm-module";
/// What cargo calls the module.
const COMPILED: &str = "roam_wasm_module.wasm";
/// What the npm package calls it.
const MODULE: &str = "roam_wasm";
const PROFILE: &str = "release-wasm";

/// Builds the optimised module and writes it, with its bindings, to `folder`.
pub fn build(workspace: &Workspace, folder: &Path) -> Result<()> {
    println!("build: {CRATE} for {TARGET}");
    let compiled = compile(workspace)?;
    let finished = folder.join(format!("{MODULE}_bg.wasm"));
    if is_newer(&finished, &[&compiled]) {
        println!("build: wasm-bindgen and wasm-opt are up to date");
        return Ok(());
    }
    println!("build: JavaScript bindings with wasm-bindgen");
    let bound = workspace.path("target/wasm-bindgen");
    bind(workspace, &compiled, &bound)?;
    println!("build: optimising size with wasm-opt");
    let optimized = workspace.path("target/wasm-bindgen").join("optimized.wasm");
    workspace
        .command("wasm-opt")
        .arg("-Oz")
        .arg(bound.join(format!("{MODULE}_bg.wasm")))
        .arg("-o")
        .arg(&optimized)
        .run()?;
    collect(&bound, &optimized, folder)
}

/// Compiles the module and returns its path.
fn compile(workspace: &Workspace) -> Result<PathBuf> {
    let mut cargo = wasm_command(workspace, "cargo")?;
    cargo
        .args([
            "build",
            "--package",
            CRATE,
            "--lib",
            "--profile",
            PROFILE,
            "--target",
            TARGET,
        ])
        .env("CARGO_ENCODED_RUSTFLAGS", remap_path_flags(workspace))
        .run()?;
    Ok(workspace
        .path("target")
        .join(TARGET)
        .join(PROFILE)
        .join(COMPILED))
}

/// Returns flags that keep local paths out of the module: they would add to the download and make
/// the module differ between machines.
fn remap_path_flags(workspace: &Workspace) -> OsString {
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(std::env::home_dir()?.join(".cargo")));
    let folders = [(home, "cargo"), (Some(workspace.path("")), "roam")];
    let mut flags = OsString::new();
    for (folder, name) in folders {
        let Some(folder) = folder else { continue };
        if !flags.is_empty() {
            flags.push("\x1f");
        }
        flags.push("--remap-path-prefix=");
        flags.push(folder);
        flags.push(format!("={name}"));
    }
    flags
}

fn bind(workspace: &Workspace, compiled: &Path, folder: &Path) -> Result<()> {
    workspace
        .command("wasm-bindgen")
        .args([
            "--target",
            "web",
            // The npm package passes the path of the module itself.
            "--omit-default-module-path",
            "--remove-name-section",
            "--remove-producers-section",
            "--out-name",
            MODULE,
            "--out-dir",
        ])
        .arg(folder)
        .arg(compiled)
        .run()
}

/// Copies the files of the package, the module last: its age marks the build as complete.
fn collect(bound: &Path, optimized: &Path, folder: &Path) -> Result<()> {
    fs::create_dir_all(folder)?;
    for name in [
        format!("{MODULE}.js"),
        format!("{MODULE}.d.ts"),
        format!("{MODULE}_bg.wasm.d.ts"),
    ] {
        copy(&bound.join(&name), &folder.join(&name))?;
    }
    copy(optimized, &folder.join(format!("{MODULE}_bg.wasm")))
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::copy(from, to)
        .with_context(|| format!("failed to copy {} to {}", from.display(), to.display()))?;
    Ok(())
}
