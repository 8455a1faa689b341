//! Tools that `cargo install` builds into `.tools`: for this workspace alone, so that another
//! project's version of them is left as it is.

use std::fs;

use anyhow::{Context, Result};

use super::Tool;
use crate::shell::{Run, Workspace};

/// A crate with programs.
pub struct CargoTool {
    krate: &'static str,
    program: &'static str,
    version: String,
    default_features: bool,
    /// Whether no other version will do.
    exact: bool,
}

/// Lets a test drive Firefox.
pub fn geckodriver() -> CargoTool {
    CargoTool {
        krate: "geckodriver",
        program: "geckodriver",
        version: "0.37.1".to_owned(),
        default_features: true,
        exact: false,
    }
}

/// Makes the JavaScript side of a wasm module; refuses modules of any version but its own.
pub fn wasm_bindgen(workspace: &Workspace) -> Result<CargoTool> {
    Ok(CargoTool {
        krate: "wasm-bindgen-cli",
        program: "wasm-bindgen",
        version: locked_version(workspace, "wasm-bindgen")?,
        default_features: false,
        exact: true,
    })
}

impl Tool for CargoTool {
    fn name(&self) -> String {
        format!("{} {}", self.krate, self.version)
    }

    fn is_there(&self, workspace: &Workspace) -> bool {
        let Ok(told) = workspace.command(self.program).arg("--version").read() else {
            return false;
        };
        !self.exact || told == format!("{} {}", self.program, self.version)
    }

    fn source(&self) -> &'static str {
        "cargo install into .tools (some minutes)"
    }

    fn install(&self, workspace: &Workspace) -> Result<()> {
        // Not `--locked`: versions that a release was locked to disappear from registries.
        let mut command = workspace.command("cargo");
        command.args(["install", "--quiet", self.krate, "--version", &self.version]);
        if !self.default_features {
            command.arg("--no-default-features");
        }
        command.arg("--root").arg(workspace.tools());
        // They run for seconds only: a quick build is worth more than quick tools.
        command.env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "1");
        command.env("CARGO_PROFILE_RELEASE_LTO", "off");
        command.run()
    }

    fn by_hand(&self) -> String {
        format!("`cargo install {} --version {}`", self.krate, self.version)
    }
}

/// The version of a package in `Cargo.lock`.
fn locked_version(workspace: &Workspace, package: &str) -> Result<String> {
    let file = workspace.path("Cargo.lock");
    let text =
        fs::read_to_string(&file).with_context(|| format!("could not read {}", file.display()))?;
    version_in(&text, package).with_context(|| {
        format!("Cargo.lock holds no version of {package}; `cargo metadata` completes it")
    })
}

fn version_in(lock: &str, package: &str) -> Option<String> {
    let name = format!("name = \"{package}\"");
    let mut lines = lock.lines().skip_while(|line| *line != name);
    let version = lines
        .nth(1)?
        .strip_prefix("version = \"")?
        .strip_suffix('"')?;
    Some(version.to_owned())
}

#[cfg(test)]
mod tests {
    use super::version_in;

    const LOCK: &str = "[[package]]\nname = \"wasm-bindgen-macro\"\nversion = \"0.2.1\"\n\n[[package]]\nname = \"wasm-bindgen\"\nversion = \"0.2.2\"\n";

    #[test]
    fn finds_the_version_of_exactly_the_package() {
        assert_eq!(version_in(LOCK, "wasm-bindgen").as_deref(), Some("0.2.2"));
    }

    #[test]
    fn a_package_that_is_not_locked_has_no_version() {
        assert_eq!(version_in(LOCK, "wasm"), None);
    }
}
