//! Parts of the Rust toolchain that a minimal installation leaves out.

use anyhow::Result;

use super::Tool;
use crate::shell::{Run, Workspace};

/// A component of rustup that adds a command to cargo.
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

    fn is_there(&self, workspace: &Workspace) -> bool {
        workspace
            .command("cargo")
            .args([self.cargo_command, "--version"])
            .succeeds()
    }

    fn source(&self) -> &'static str {
        "a component of rustup"
    }

    fn install(&self, workspace: &Workspace) -> Result<()> {
        workspace
            .command("rustup")
            .args(["component", "add", self.name])
            .run()
    }

    fn by_hand(&self) -> String {
        format!("`rustup component add {}`", self.name)
    }
}
