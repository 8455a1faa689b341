//! Node and what npm brings.

use anyhow::{Result, bail};

use super::Tool;
use crate::shell::{Run, Workspace};

/// Node itself: compiles TypeScript, builds the page, runs the tests of the npm package.
pub struct Node;

const OLDEST_NODE: u32 = 20;

impl Tool for Node {
    fn name(&self) -> String {
        format!("Node {OLDEST_NODE} or newer")
    }

    fn is_there(&self, workspace: &Workspace) -> bool {
        let node = workspace.command("node").arg("--version").read();
        let major = node.ok().and_then(|told| major_version(&told));
        major.is_some_and(|major| major >= OLDEST_NODE) && workspace.find("npm").is_some()
    }

    fn source(&self) -> &'static str {
        "has to be there already"
    }

    fn install(&self, _: &Workspace) -> Result<()> {
        bail!("no way to get it is the same on all machines")
    }

    fn by_hand(&self) -> String {
        format!(
            "install Node {OLDEST_NODE} or newer with npm, from your distribution or https://nodejs.org"
        )
    }
}

/// `v20.1.2` → 20.
fn major_version(told: &str) -> Option<u32> {
    told.strip_prefix('v')?.split('.').next()?.parse().ok()
}

/// Makes wasm smaller: a part of binaryen. What distributions carry is often too old to read
/// what today's compilers write, hence npm.
pub struct WasmOpt;

const BINARYEN: &str = "132";

impl Tool for WasmOpt {
    fn name(&self) -> String {
        format!("wasm-opt {BINARYEN}")
    }

    fn is_there(&self, workspace: &Workspace) -> bool {
        let told = workspace.command("wasm-opt").arg("--version").read();
        told.is_ok_and(|told| told.starts_with(&format!("wasm-opt version {BINARYEN} ")))
    }

    fn source(&self) -> &'static str {
        "npm package binaryen, into .tools"
    }

    fn install(&self, workspace: &Workspace) -> Result<()> {
        let mut command = workspace.command("npm");
        command.args(["install", "--no-save", "--no-package-lock", "--prefix"]);
        command
            .arg(workspace.tools())
            .arg(format!("binaryen@{BINARYEN}.0.0"))
            .run()
    }

    fn by_hand(&self) -> String {
        format!(
            "put wasm-opt of binaryen {BINARYEN} (https://github.com/WebAssembly/binaryen) into PATH"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::major_version;

    #[test]
    fn reads_what_node_says_of_itself() {
        assert_eq!(major_version("v20.20.2"), Some(20));
        assert_eq!(major_version("20"), None);
    }
}
