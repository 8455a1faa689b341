//! The standard library for wasm32, and the toolchain that has it.
//!
//! It comes from rustup. If rustup's server is unreachable, it comes from Debian's packages: we
//! build the standard library for wasm32 from their source and link it, together with their
//! compiler, as the rustup toolchain `wasm`. A standard library only works with the compiler that
//! built it, so we need both.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::{Tool, clear_toolchain_env, debian};
use crate::shell::{Run, Workspace};

/// The target for browsers.
pub const TARGET: &str = "wasm32-unknown-unknown";

/// A toolchain that may build for [`TARGET`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Toolchain {
    /// The one that builds everything else.
    Default,
    /// The rustup toolchain [`LINKED`], made from Debian's packages.
    Linked,
}

const LINKED: &str = "wasm";

impl Toolchain {
    /// Returns an installed toolchain that can build for wasm32.
    pub fn find(workspace: &Workspace) -> Option<Self> {
        [Self::Default, Self::Linked]
            .into_iter()
            .find(|toolchain| toolchain.has_wasm_std(workspace))
    }

    /// Makes `command` use this toolchain.
    pub fn apply(self, command: &mut Command) -> &mut Command {
        match self {
            Self::Default => command,
            Self::Linked => clear_toolchain_env(command).env("RUSTUP_TOOLCHAIN", LINKED),
        }
    }

    /// Compiles an empty crate, which also detects a library built by another compiler.
    fn has_wasm_std(self, workspace: &Workspace) -> bool {
        let mut rustc = workspace.command("rustc");
        rustc.args([
            "-",
            "--crate-name=empty",
            "--crate-type=lib",
            "--emit=metadata",
            "--target",
            TARGET,
        ]);
        rustc.arg("--out-dir").arg(std::env::temp_dir());
        self.apply(&mut rustc).succeeds()
    }
}

/// The standard library for wasm32.
pub struct WasmStd;

impl Tool for WasmStd {
    fn name(&self) -> String {
        format!("Rust's standard library for {TARGET}")
    }

    fn is_installed(&self, workspace: &Workspace) -> bool {
        Toolchain::find(workspace).is_some()
    }

    fn source(&self) -> &'static str {
        "rustup, else Debian packages of Rust"
    }

    fn install(&self, workspace: &Workspace) -> Result<()> {
        let from_rustup = workspace
            .command("rustup")
            .args(["target", "add", TARGET])
            .run();
        if let Err(error) = from_rustup {
            println!("setup: {error:#}; building from Debian's source instead");
            return link_debian(workspace);
        }
        Ok(())
    }

    fn manual_install(&self) -> String {
        format!("`rustup target add {TARGET}`")
    }
}

/// Creates the toolchain [`LINKED`] from Debian's newest Rust, which it packages to build browsers.
/// Its compiler and cargo are in `/usr/bin`, after rustup's in PATH.
fn link_debian(workspace: &Workspace) -> Result<()> {
    debian::install(
        workspace,
        &["rustc-web", "cargo-web", "rust-web-clippy", "rust-web-src"],
    )?;
    let sysroot = PathBuf::from(
        workspace
            .command("/usr/bin/rustc")
            .args(["--print", "sysroot"])
            .read()?,
    );
    let libraries = sysroot.join("lib/rustlib").join(TARGET).join("lib");
    debian::as_root(workspace, "mkdir")
        .arg("-p")
        .arg(&libraries)
        .run()?;
    debian::as_root(workspace, "cp")
        .args(build_std(workspace)?)
        .arg(&libraries)
        .run()?;
    link_lld(workspace, &sysroot)?;
    workspace
        .command("rustup")
        .args(["toolchain", "link", LINKED])
        .arg(&sysroot)
        .run()?;
    remove_wasm_builds(workspace)
}

/// Builds the standard library for wasm32 with Debian's compiler and returns its files.
fn build_std(workspace: &Workspace) -> Result<Vec<PathBuf>> {
    let folder = workspace.path("target/wasm-std");
    fs::create_dir_all(folder.join("src"))?;
    fs::write(folder.join("src/lib.rs"), "")?;
    fs::write(
        folder.join("Cargo.toml"),
        "[package]\nname = \"empty\"\nedition = \"2024\"\n[workspace]\n",
    )?;
    let mut cargo = workspace.command("/usr/bin/cargo");
    cargo
        // `test` is for wasm tests, the bitcode for link-time optimization.
        .args([
            "build",
            "--quiet",
            "--release",
            "-Zbuild-std=std,test,panic_abort",
            "--target",
            TARGET,
        ])
        .current_dir(&folder)
        .env("RUSTC", "/usr/bin/rustc")
        .env("RUSTC_BOOTSTRAP", "1")
        .env("RUSTFLAGS", "-Cembed-bitcode=yes")
        .env("CARGO_TARGET_DIR", folder.join("target"));
    clear_toolchain_env(&mut cargo).run()?;
    libraries_in(&folder.join("target").join(TARGET).join("release/deps"))
}

/// Returns the compiled libraries in a folder, except for the empty crate.
fn libraries_in(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut libraries = Vec::new();
    for entry in
        fs::read_dir(folder).with_context(|| format!("failed to read {}", folder.display()))?
    {
        let file = entry?.path();
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        if name.ends_with(".rlib") && !name.starts_with("libempty-") {
            libraries.push(file);
        }
    }
    ensure!(
        !libraries.is_empty(),
        "no libraries found in {}",
        folder.display()
    );
    Ok(libraries)
}

/// Links the wasm linker of rustup's toolchain into Debian's.
fn link_lld(workspace: &Workspace, sysroot: &Path) -> Result<()> {
    let print = |what: &str| workspace.command("rustc").args(["--print", what]).read();
    let programs = Path::new("lib/rustlib")
        .join(print("host-tuple")?)
        .join("bin");
    let ours = Path::new(&print("sysroot")?)
        .join(&programs)
        .join("rust-lld");
    let theirs = sysroot.join(&programs);
    debian::as_root(workspace, "mkdir")
        .arg("-p")
        .arg(&theirs)
        .run()?;
    debian::as_root(workspace, "ln")
        .arg("-sf")
        .arg(ours)
        .arg(&theirs)
        .run()
}

/// Removes builds for wasm32: cargo does not notice that the standard library changed.
fn remove_wasm_builds(workspace: &Workspace) -> Result<()> {
    let built = workspace.path("target").join(TARGET);
    if built.exists() {
        fs::remove_dir_all(&built)
            .with_context(|| format!("failed to remove {}", built.display()))?;
    }
    Ok(())
}
