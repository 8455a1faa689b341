//! Tools that `cargo install` builds into the cache, where they do not replace the versions of other
//! projects.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::Tool;
use super::cache::Entry;
use crate::shell::{Run, Workspace};

/// A tool from a crate.
pub struct CargoTool {
    krate: &'static str,
    program: &'static str,
    version: String,
    default_features: bool,
    /// Packages to compile with optimizations, because the tool spends its time in them.
    optimized: &'static [&'static str],
    /// Whether only this version works.
    exact: bool,
}

/// Returns the driver program for Firefox.
pub fn geckodriver() -> CargoTool {
    CargoTool::any_version("geckodriver", "0.37.1")
}

/// Returns the tools that only the slow tests need.
pub fn for_slow_tests() -> [CargoTool; 4] {
    [
        CargoTool::any_version("cargo-hack", "0.6.46"),
        CargoTool::any_version("cargo-deny", "0.20.2"),
        CargoTool::any_version("cargo-fuzz", "0.13.2"),
        CargoTool::any_version("wasm-pack", "0.15.1"),
    ]
}

/// Returns the generator of JavaScript bindings for the checkout in `root`. It rejects modules built
/// with another version.
pub fn wasm_bindgen(root: &Path) -> Result<CargoTool> {
    Ok(CargoTool {
        krate: "wasm-bindgen-cli",
        program: "wasm-bindgen",
        version: locked_version(root, "wasm-bindgen")?,
        default_features: false,
        optimized: &["walrus", "id-arena"],
        exact: true,
    })
}

impl CargoTool {
    /// Returns a tool that works in any version; `version` is installed where there is none.
    fn any_version(krate: &'static str, version: &str) -> Self {
        Self {
            krate,
            program: krate,
            version: version.to_owned(),
            default_features: true,
            optimized: &[],
            exact: false,
        }
    }

    /// Returns the folder of the program once it is installed.
    pub fn bin(&self) -> Result<PathBuf> {
        Ok(self.entry()?.folder().join("bin"))
    }

    fn entry(&self) -> Result<Entry> {
        Entry::new(self.krate, &self.version)
    }

    fn build(&self, workspace: &Workspace, folder: &Path) -> Result<()> {
        // Without `--locked`: a registry may no longer have the locked versions.
        let mut command = workspace.command("cargo");
        command.args(["install", "--quiet", self.krate, "--version", &self.version]);
        if !self.default_features {
            command.arg("--no-default-features");
        }
        for package in self.optimized {
            let setting = format!("profile.release.package.{package}.opt-level=1");
            command.args(["--config", &setting]);
        }
        command.arg("--root").arg(folder);
        // A folder of their own, where the tools share what they depend on.
        command.env("CARGO_TARGET_DIR", workspace.path("target/tools"));
        for (name, value) in BUILD_ENV {
            command.env(name, value);
        }
        for name in INHERITED {
            command.env_remove(name);
        }
        command.run()
    }
}

/// The tools run for seconds, so build time matters more than their speed: wasm-bindgen builds in
/// 58 s instead of 113 s on two cores, and takes 6 s instead of 4 s for all modules of our tests.
const BUILD_ENV: &[(&str, &str)] = &[
    ("CARGO_PROFILE_RELEASE_OPT_LEVEL", "0"),
    ("CARGO_PROFILE_RELEASE_LTO", "off"),
];

/// Variables for builds of this workspace, which must not change how its tools are built.
const INHERITED: &[&str] = &[
    "RUSTFLAGS",
    "CARGO_ENCODED_RUSTFLAGS",
    "CARGO_BUILD_RUSTFLAGS",
    "CARGO_BUILD_TARGET",
];

impl Tool for CargoTool {
    fn name(&self) -> String {
        format!("{} {}", self.krate, self.version)
    }

    fn is_installed(&self, workspace: &Workspace) -> bool {
        if !self.exact {
            return workspace.find(self.program).is_some();
        }
        let version = workspace.command(self.program).arg("--version").read();
        version.is_ok_and(|version| version == format!("{} {}", self.program, self.version))
    }

    fn source(&self) -> &'static str {
        "cargo install, into the cache of tools (takes minutes)"
    }

    fn install(&self, workspace: &Workspace) -> Result<()> {
        self.entry()?.install(
            || self.is_installed(workspace),
            |folder| self.build(workspace, folder),
        )
    }

    fn manual_install(&self) -> String {
        format!("`cargo install {} --version {}`", self.krate, self.version)
    }
}

/// Returns the version of a package in `Cargo.lock`.
fn locked_version(root: &Path, package: &str) -> Result<String> {
    let file = root.join("Cargo.lock");
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
