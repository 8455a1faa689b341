//! The demo's page and the server that holds it.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use super::cargo::{self, Profile};
use super::{npm, package};
use crate::shell::{Run, Workspace};

/// The page's folder in the workspace.
pub const FOLDER: &str = "web-demo/page";

/// Builds the page with the packed npm package installed as users install it.
pub fn build(workspace: &Workspace) -> Result<()> {
    let folder = workspace.path(FOLDER);
    check_lock(&folder)?;
    npm::install(workspace, &folder)?;
    package::install_into(workspace, &folder)?;
    println!("build: page");
    npm::run_script(workspace, &folder, "build").run()
}

/// Makes sure that npm takes roam-client as we build it: with a checksum in the lock file it
/// would refuse every build but one, or install that one from its cache.
fn check_lock(folder: &Path) -> Result<()> {
    let file = folder.join("package-lock.json");
    let lock =
        fs::read_to_string(&file).with_context(|| format!("could not read {}", file.display()))?;
    ensure!(
        !holds_checksum(&lock, "roam-client"),
        "remove the line \"integrity\" of roam-client from {}: each build of it has another",
        file.display()
    );
    Ok(())
}

fn holds_checksum(lock: &str, package: &str) -> bool {
    let start = format!("\"node_modules/{package}\": {{");
    let mut entry = lock
        .lines()
        .skip_while(|line| line.trim() != start)
        .take_while(|line| !line.trim().starts_with('}'));
    entry.any(|line| line.trim().starts_with("\"integrity\""))
}

/// Builds the server, which serves the page, and gives its program.
pub fn server(workspace: &Workspace, profile: Profile) -> Result<PathBuf> {
    cargo::program(workspace, "web-demo", "web-demo", profile)
}

#[cfg(test)]
mod tests {
    use super::holds_checksum;

    const LOCK: &str = r#"{
        "node_modules/ours": {
            "version": "1.0.0"
        },
        "node_modules/theirs": {
            "version": "1.0.0",
            "integrity": "sha512-abc"
        }
    }"#;

    #[test]
    fn finds_the_checksum_of_exactly_the_package() {
        assert!(holds_checksum(LOCK, "theirs"));
        assert!(!holds_checksum(LOCK, "ours"));
    }
}
