//! Parts of the Rust toolchain that a minimal installation leaves out.

use anyhow::Result;

use super::Tool;
use crate::shell::{Run, Workspace};

/// A rustup component that adds a cargo command.
pub struct Component {
    name: &'static str,
    cargo_command: &'static str,
}

/// `cargo fmt`.
pub const RUSTFMT: Component = Component {
    name: "rustfmt",
    cargo_command: "fmt",
};

/// `cargo clippy`.
pub const CLIPPY: Component = Component {
    name: "clippy",
    cargo_command: "clippy",
};

impl Tool for Component {
    fn name(&self) -> String {
        self.name.to_owned()
    }

    fn is_installed(&self, workspace: &Workspace) -> bool {
        workspace
            .command("cargo")
            .args([self.cargo_command, "--version"])
            .succeeds()
    }

    fn source(&self) -> &'static str {
        "rustup component"
    }

    fn install(&self, workspace: &Workspace) -> Result<()> {
        workspace
            .command("rustup")
            .args(["component", "add", self.name])
            .run()
    }

    fn manual_install(&self) -> String {
        format!("`rustup component add {}`", self.name)
    }
}
