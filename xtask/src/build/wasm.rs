//! The wasm module and its JavaScript bindings.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::{names, wasm_command};
use crate::setup::wasm_std::TARGET;
use crate::shell::{Run, Workspace, is_newer};

const CRATE: &str = "roam-wasm-module";
/// What cargo calls the module.
const COMPILED: &str = "roam_wasm_module.wasm";
/// What the npm package calls it.
const MODULE: &str = "roam_wasm";
const PROFILE: &str = "release-wasm";
/// The module as text.
const TEXT: &str = "shortened.wat";
const OPTIMIZED: &str = "optimized.wasm";

/// What the module may use of WebAssembly beyond its first version: what the compiler uses by
/// default. All browsers have had these since 2021.
const FEATURES: &[&str] = &[
    "bulk-memory",
    "bulk-memory-opt",
    "call-indirect-overlong",
    "multivalue",
    "mutable-globals",
    "nontrapping-float-to-int",
    "reference-types",
    "sign-ext",
];

/// The flags of wasm-opt with which the module is smallest after compression.
const SMALLEST: &[&str] = &[
    "-Oz",
    "--converge",
    // The stack is there, so no object is.
    "--low-memory-unused",
    // Larger functions have more locals, whose numbers compress badly.
    "--one-caller-inline-max-function-size=15",
];

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
    shorten_names(workspace, &bound)?;
    optimize(workspace, &bound)?;
    collect(&bound, folder)
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

/// Writes the module as text, and shortens names there and in the bindings.
fn shorten_names(workspace: &Workspace, folder: &Path) -> Result<()> {
    let text = folder.join(TEXT);
    workspace
        .command("wasm-opt")
        .arg(folder.join(format!("{MODULE}_bg.wasm")))
        .args(["--quiet", "--emit-text", "-o"])
        .arg(&text)
        .run()?;
    let bindings = bindings().map(|name| folder.join(name));
    let mut module = read(&text)?;
    let mut texts = bindings
        .iter()
        .map(|path| read(path))
        .collect::<Result<Vec<_>>>()?;
    names::shorten(&mut module, &mut texts);
    for (path, text) in bindings.iter().zip(texts) {
        write(path, &text)?;
    }
    write(&text, &module)
}

fn optimize(workspace: &Workspace, folder: &Path) -> Result<()> {
    workspace
        .command("wasm-opt")
        .arg(folder.join(TEXT))
        .args(FEATURES.iter().map(|feature| format!("--enable-{feature}")))
        .args(SMALLEST)
        .arg("-o")
        .arg(folder.join(OPTIMIZED))
        .run()
}

/// Copies the files of the package, the module last: its age marks the build as complete.
fn collect(bound: &Path, folder: &Path) -> Result<()> {
    fs::create_dir_all(folder)?;
    for name in bindings() {
        copy(&bound.join(&name), &folder.join(&name))?;
    }
    copy(
        &bound.join(OPTIMIZED),
        &folder.join(format!("{MODULE}_bg.wasm")),
    )
}

/// The names of the files that wasm-bindgen writes for the module.
fn bindings() -> [String; 3] {
    [
        format!("{MODULE}.js"),
        format!("{MODULE}.d.ts"),
        format!("{MODULE}_bg.wasm.d.ts"),
    ]
}

fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).with_context(|| format!("failed to read {}", path.display()))
}

fn write(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text).with_context(|| format!("failed to write {}", path.display()))
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::copy(from, to)
        .with_context(|| format!("failed to copy {} to {}", from.display(), to.display()))?;
    Ok(())
}
