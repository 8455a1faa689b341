//! The demo's page and its server.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use super::cargo::{self, Profile};
use super::{npm, package};
use crate::shell::{Run, Workspace};

/// The folder of the page in the workspace.
pub const FOLDER: &str = "web-demo/page";

/// Builds the page against the packed npm package, installed the way users install it.
pub fn build(workspace: &Workspace) -> Result<()> {
    let folder = workspace.path(FOLDER);
    check_lock(&folder)?;
    npm::install(workspace, &folder)?;
    package::install_into(workspace, &folder)?;
    println!("build: page");
    npm::run_script(workspace, &folder, "build").run()
}

/// Rejects a lock file with a checksum for our package. npm would then accept only one build of it,
/// or install that one from its cache.
fn check_lock(folder: &Path) -> Result<()> {
    let file = folder.join("package-lock.json");
    let lock =
        fs::read_to_string(&file).with_context(|| format!("failed to read {}", file.display()))?;
    ensure!(
        !has_checksum(&lock, package::NAME),
        "remove the \"integrity\" line of {} from {}: it differs for each build",
        package::NAME,
        file.display()
    );
    Ok(())
}

fn has_checksum(lock: &str, package: &str) -> bool {
    let start = format!("\"node_modules/{package}\": {{");
    let mut entry = lock
        .lines()
        .skip_while(|line| line.trim() != start)
        .take_while(|line| !line.trim().starts_with('}'));
    entry.any(|line| line.trim().starts_with("\"integrity\""))
}

/// Builds the server of the page and returns its path.
pub fn server(workspace: &Workspace, profile: Profile) -> Result<PathBuf> {
    cargo::program(workspace, "web-demo", "web-demo", profile)
}

#[cfg(test)]
mod tests {
    use super::has_checksum;

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
    fn finds_the_checksum_of_the_named_package() {
        assert!(has_checksum(LOCK, "theirs"));
        assert!(!has_checksum(LOCK, "ours"));
    }
}
