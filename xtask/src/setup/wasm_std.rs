//! The standard library for wasm32, and the toolchain that has it.
//!
//! It comes from rustup. Where rustup's server cannot be reached, Debian's packages do: their
//! compiler, and the standard library built for wasm32 from their source, become the rustup
//! toolchain `wasm`. A compiler reads no other version's standard library, hence the pair.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::{Tool, debian};
use crate::shell::{Run, Workspace};

/// The target that browsers run.
pub const TARGET: &str = "wasm32-unknown-unknown";

/// The toolchain that builds for [`TARGET`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Toolchain {
    /// The one that builds everything else.
    Usual,
    /// The rustup toolchain [`LINKED`], made from Debian's packages.
    Linked,
}

const LINKED: &str = "wasm";

impl Toolchain {
    /// The toolchain that can build for wasm32 now, if there is one.
    pub fn find(workspace: &Workspace) -> Option<Self> {
        [Self::Usual, Self::Linked]
            .into_iter()
            .find(|toolchain| toolchain.has_wasm_std(workspace))
    }

    /// Makes cargo use this toolchain.
    pub fn apply(self, command: &mut Command) -> &mut Command {
        match self {
            Self::Usual => command,
            Self::Linked => without_our_toolchain(command).env("RUSTUP_TOOLCHAIN", LINKED),
        }
    }

    /// Compiles an empty crate: that finds a library of another compiler's version as well.
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

    fn is_there(&self, workspace: &Workspace) -> bool {
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
            println!("setup: {error:#}; building it from Debian's source");
            return link_debian(workspace);
        }
        Ok(())
    }

    fn by_hand(&self) -> String {
        format!("`rustup target add {TARGET}`")
    }
}

/// Makes the toolchain [`LINKED`] from Debian's newest Rust: the packages that it keeps for
/// building browsers. Their compiler and cargo lie in `/usr/bin`, behind rustup's in PATH.
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
    forget_wasm_builds(workspace)
}

/// Builds the standard library for wasm32 with Debian's compiler; gives its files.
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
        // `test` for wasm tests, the bitcode for link time optimization.
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
    without_our_toolchain(&mut cargo).run()?;
    libraries_in(&folder.join("target").join(TARGET).join("release/deps"))
}

/// The compiled libraries in a folder, without that of the empty crate.
fn libraries_in(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut libraries = Vec::new();
    for entry in
        fs::read_dir(folder).with_context(|| format!("could not read {}", folder.display()))?
    {
        let file = entry?.path();
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        if name.ends_with(".rlib") && !name.starts_with("libempty-") {
            libraries.push(file);
        }
    }
    ensure!(!libraries.is_empty(), "no library in {}", folder.display());
    Ok(libraries)
}

/// Gives Debian's compiler the linker for wasm that came with rustup's.
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

/// Cargo does not see that the standard library changed under what it has built.
fn forget_wasm_builds(workspace: &Workspace) -> Result<()> {
    let built = workspace.path("target").join(TARGET);
    if built.exists() {
        fs::remove_dir_all(&built)
            .with_context(|| format!("could not remove {}", built.display()))?;
    }
    Ok(())
}

/// `cargo run` points everything that it starts at its own toolchain; this undoes it.
fn without_our_toolchain(command: &mut Command) -> &mut Command {
    command.env_remove("CARGO").env_remove("LD_LIBRARY_PATH")
}
