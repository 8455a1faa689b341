//! The oldest Rust that the crates support.

use std::fs;
use std::process::Command;

use anyhow::{Context, Result};

use super::Tool;
use crate::shell::{Run, Workspace};

/// The toolchain of the `rust-version` in `Cargo.toml`.
pub struct OldestRust {
    version: String,
}

impl OldestRust {
    /// Returns the oldest Rust that the crates of a workspace support.
    pub fn of(workspace: &Workspace) -> Result<Self> {
        let file = workspace.path("Cargo.toml");
        let manifest = fs::read_to_string(&file)
            .with_context(|| format!("failed to read {}", file.display()))?;
        let version = version_in(&manifest).context("Cargo.toml has no rust-version")?;
        Ok(Self {
            version: version.to_owned(),
        })
    }

    /// Makes `command` use this toolchain.
    pub fn apply(&self, workspace: &Workspace, command: &mut Command) {
        if !self.is(workspace.command("rustc")) {
            self.select(command);
        }
    }

    fn select<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        super::clear_toolchain_env(command).env("RUSTUP_TOOLCHAIN", &self.version)
    }

    /// Returns whether a compiler is of this version.
    fn is(&self, mut rustc: Command) -> bool {
        let printed = rustc.arg("--version").read().unwrap_or_default();
        printed.starts_with(&format!("rustc {}.", self.version))
    }
}

impl Tool for OldestRust {
    fn name(&self) -> String {
        format!("Rust {}", self.version)
    }

    fn is_installed(&self, workspace: &Workspace) -> bool {
        let mut rustc = workspace.command("rustc");
        self.select(&mut rustc);
        self.is(workspace.command("rustc")) || self.is(rustc)
    }

    fn source(&self) -> &'static str {
        "rustup toolchain"
    }

    fn install(&self, workspace: &Workspace) -> Result<()> {
        let arguments = [
            "toolchain",
            "install",
            "--profile",
            "minimal",
            &self.version,
        ];
        workspace.command("rustup").args(arguments).run()
    }

    fn manual_install(&self) -> String {
        format!("`rustup toolchain install {}`", self.version)
    }
}

fn version_in(manifest: &str) -> Option<&str> {
    let mut lines = manifest.lines();
    lines
        .find_map(|line| line.strip_prefix("rust-version = \""))?
        .strip_suffix('"')
}

#[cfg(test)]
mod tests {
    use super::version_in;

    #[test]
    fn finds_the_version_in_a_manifest() {
        let manifest = "[workspace.package]\nversion = \"0.1.0\"\nrust-version = \"1.95\"\n";
        assert_eq!(version_in(manifest), Some("1.95"));
        assert_eq!(version_in("version = \"0.1.0\""), None);
    }
}
