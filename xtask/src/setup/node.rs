//! Node, and tools from npm.

use std::path::PathBuf;

use anyhow::{Result, bail};

use super::Tool;
use super::cache::Entry;
use crate::shell::{Run, Workspace};

/// Node, which compiles TypeScript, builds the page and runs the tests of the npm package.
pub struct Node;

const OLDEST_NODE: u32 = 20;

impl Tool for Node {
    fn name(&self) -> String {
        format!("Node {OLDEST_NODE} or newer")
    }

    fn is_installed(&self, workspace: &Workspace) -> bool {
        let node = workspace.command("node").arg("--version").read();
        let major = node.ok().and_then(|version| major_version(&version));
        major.is_some_and(|major| major >= OLDEST_NODE) && workspace.find("npm").is_some()
    }

    fn source(&self) -> &'static str {
        "no automatic source"
    }

    fn install(&self, _: &Workspace) -> Result<()> {
        bail!("the way to install Node depends on the machine")
    }

    fn manual_install(&self) -> String {
        format!(
            "install Node {OLDEST_NODE} or newer with npm, from your distribution or https://nodejs.org"
        )
    }
}

/// Parses the major version: `v20.1.2` → 20.
fn major_version(version: &str) -> Option<u32> {
    version.strip_prefix('v')?.split('.').next()?.parse().ok()
}

/// `wasm-opt` of binaryen, which makes wasm smaller. It comes from npm because the versions of
/// distributions are often too old for the output of current compilers.
pub struct WasmOpt;

const BINARYEN: &str = "132";

impl WasmOpt {
    /// Returns the folder of the program once it is installed.
    pub fn bin() -> Result<PathBuf> {
        Ok(Self::entry()?.folder().join("node_modules/.bin"))
    }

    fn entry() -> Result<Entry> {
        Entry::new("binaryen", BINARYEN)
    }
}

impl Tool for WasmOpt {
    fn name(&self) -> String {
        format!("wasm-opt {BINARYEN}")
    }

    fn is_installed(&self, workspace: &Workspace) -> bool {
        let version = workspace.command("wasm-opt").arg("--version").read();
        version.is_ok_and(|version| version.starts_with(&format!("wasm-opt version {BINARYEN} ")))
    }

    fn source(&self) -> &'static str {
        "npm package binaryen, into the cache of tools"
    }

    fn install(&self, workspace: &Workspace) -> Result<()> {
        Self::entry()?.install(
            || self.is_installed(workspace),
            |folder| {
                let mut command = workspace.command("npm");
                command.args(["install", "--no-save", "--no-package-lock", "--prefix"]);
                command
                    .arg(folder)
                    .arg(format!("binaryen@{BINARYEN}.0.0"))
                    .run()
            },
        )
    }

    fn manual_install(&self) -> String {
        format!(
            "install wasm-opt of binaryen {BINARYEN} (https://github.com/WebAssembly/binaryen) in PATH"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::major_version;

    #[test]
    fn parses_the_version_of_node() {
        assert_eq!(major_version("v20.20.2"), Some(20));
        assert_eq!(major_version("20"), None);
    }
}
