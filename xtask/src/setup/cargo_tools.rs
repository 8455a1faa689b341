//! Tools installed by `cargo install` into `.tools`, for this workspace only, so that they do not
//! replace the versions of other projects.

use std::fs;

use anyhow::{Context, Result};

use super::Tool;
use crate::shell::{Run, Workspace};

/// A tool from a crate.
pub struct CargoTool {
    krate: &'static str,
    program: &'static str,
    version: String,
    default_features: bool,
    /// Whether only this version works.
    exact: bool,
}

/// Returns the driver program for Firefox.
pub fn geckodriver() -> CargoTool {
    CargoTool {
        krate: "geckodriver",
        program: "geckodriver",
        version: "0.37.1".to_owned(),
        default_features: true,
        exact: false,
    }
}

/// Returns the generator of JavaScript bindings. It rejects modules built with another version.
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

    fn is_installed(&self, workspace: &Workspace) -> bool {
        let Ok(version) = workspace.command(self.program).arg("--version").read() else {
            return false;
        };
        !self.exact || version == format!("{} {}", self.program, self.version)
    }

    fn source(&self) -> &'static str {
        "cargo install, into .tools (takes minutes)"
    }

    fn install(&self, workspace: &Workspace) -> Result<()> {
        // Without `--locked`: a registry may no longer have the locked versions.
        let mut command = workspace.command("cargo");
        command.args(["install", "--quiet", self.krate, "--version", &self.version]);
        if !self.default_features {
            command.arg("--no-default-features");
        }
        command.arg("--root").arg(workspace.tools());
        // The tools run for seconds, so build time matters more than their speed.
        command.env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "1");
        command.env("CARGO_PROFILE_RELEASE_LTO", "off");
        command.run()
    }

    fn manual_install(&self) -> String {
        format!("`cargo install {} --version {}`", self.krate, self.version)
    }
}

/// Returns the version of a package in `Cargo.lock`.
fn locked_version(workspace: &Workspace, package: &str) -> Result<String> {
    let file = workspace.path("Cargo.lock");
    let text =
        fs::read_to_string(&file).with_context(|| format!("failed to read {}", file.display()))?;
    version_in(&text, package).with_context(|| {
        format!("Cargo.lock has no version of {package}; run `cargo metadata` to update it")
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
    fn finds_the_version_of_the_named_package() {
        assert_eq!(version_in(LOCK, "wasm-bindgen").as_deref(), Some("0.2.2"));
    }

    #[test]
    fn finds_no_version_of_an_unlocked_package() {
        assert_eq!(version_in(LOCK, "wasm"), None);
    }
}
