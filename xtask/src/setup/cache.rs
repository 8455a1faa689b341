//! A folder outside the checkout with a folder for each tool and version, so that a second checkout
//! on the same machine does not build the tools again.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// The variable that moves the cache.
const VARIABLE: &str = "ROAM_TOOLS";

/// A version of a tool in the cache.
pub struct Entry {
    folder: PathBuf,
}

impl Entry {
    /// Returns the entry of a tool and version, whether it is installed or not.
    pub fn new(tool: &str, version: &str) -> Result<Self> {
        Ok(Self {
            folder: root()?.join(format!("{tool}-{version}")),
        })
    }

    /// Returns the folder of the entry.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Installs the tool unless `is_usable`. `fill` installs it into a folder beside the entry,
    /// which then takes the entry's name, so that an interrupted installation leaves nothing half
    /// done. Of concurrent installations of an entry, one runs and the others wait for it.
    pub fn install(
        &self,
        is_usable: impl Fn() -> bool,
        fill: impl FnOnce(&Path) -> Result<()>,
    ) -> Result<()> {
        let beside = |suffix: &str| {
            let mut path = self.folder.clone().into_os_string();
            path.push(suffix);
            PathBuf::from(path)
        };
        fs::create_dir_all(self.folder.parent().context("the cache has no path")?)?;
        let lock_file = beside(".lock");
        let lock = File::create(&lock_file)
            .with_context(|| format!("failed to create {}", lock_file.display()))?;
        lock.lock()?;
        if is_usable() {
            return Ok(());
        }
        let partial = beside(".partial");
        remove(&partial)?;
        fs::create_dir(&partial)?;
        fill(&partial)?;
        remove(&self.folder)?;
        fs::rename(&partial, &self.folder)
            .with_context(|| format!("failed to create {}", self.folder.display()))
    }
}

/// Returns the folder of the cache.
fn root() -> Result<PathBuf> {
    if let Some(folder) = std::env::var_os(VARIABLE) {
        return std::path::absolute(&folder)
            .with_context(|| format!("{VARIABLE} is not a path: {}", folder.display()));
    }
    let cache = match std::env::var_os("XDG_CACHE_HOME").filter(|folder| !folder.is_empty()) {
        Some(folder) => PathBuf::from(folder),
        None => std::env::home_dir()
            .with_context(|| format!("no home folder; set {VARIABLE} to a folder for tools"))?
            .join(".cache"),
    };
    Ok(cache.join("roam-tools"))
}

fn remove(folder: &Path) -> Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder)
            .with_context(|| format!("failed to remove {}", folder.display()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use anyhow::bail;

    use super::*;

    /// A new folder, removed when dropped.
    struct Scratch(PathBuf);

    impl Scratch {
        fn new(test: &str) -> Self {
            let name = format!("roam-xtask-{test}-{}", std::process::id());
            let folder = std::env::temp_dir().join(name);
            remove(&folder).unwrap();
            Self(folder)
        }

        fn entry(&self) -> Entry {
            Entry {
                folder: self.0.join("tool-1.0"),
            }
        }
    }

    impl Drop for Scratch {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    fn write_program(folder: &Path) -> Result<()> {
        Ok(fs::write(folder.join("program"), "new")?)
    }

    #[test]
    fn a_failed_installation_leaves_no_entry() {
        let scratch = Scratch::new("failed");
        let entry = scratch.entry();
        let failed = entry.install(
            || false,
            |folder| {
                write_program(folder)?;
                bail!("interrupted")
            },
        );
        assert_eq!(failed.unwrap_err().to_string(), "interrupted");
        assert!(!entry.folder().exists());

        entry.install(|| false, |_| Ok(())).unwrap();
        assert_eq!(fs::read_dir(entry.folder()).unwrap().count(), 0);
    }

    #[test]
    fn an_unusable_entry_is_replaced() {
        let scratch = Scratch::new("replaced");
        let entry = scratch.entry();
        fs::create_dir_all(entry.folder()).unwrap();
        fs::write(entry.folder().join("program"), "old").unwrap();
        entry.install(|| false, write_program).unwrap();
        let program = fs::read_to_string(entry.folder().join("program")).unwrap();
        assert_eq!(program, "new");
    }

    #[test]
    fn concurrent_installations_run_once() {
        let scratch = Scratch::new("concurrent");
        let installed = AtomicU32::new(0);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    let entry = scratch.entry();
                    let is_usable = || entry.folder().join("program").exists();
                    let fill = |folder: &Path| {
                        installed.fetch_add(1, Ordering::Relaxed);
                        write_program(folder)
                    };
                    entry.install(is_usable, fill).unwrap();
                });
            }
        });
        assert_eq!(installed.into_inner(), 1);
    }
}
