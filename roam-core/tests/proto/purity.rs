//! The machine is pure: no runtime, locks, clocks, randomness or `async`.

use std::path::{Path, PathBuf};

/// What the machine's `use` lines may begin with. Its tests may use more.
const ALLOWED: &[&str] = &[
    "super::",
    "bytes::",
    "std::borrow::Cow",
    "std::collections::",
    "std::fmt",
    "std::hash::{BuildHasherDefault, Hasher}",
    "std::ops::Deref",
    "std::sync::Arc;",
    "std::time::Duration;",
];
/// Words that may not appear in the machine's code.
const FORBIDDEN: &[&str] = &[
    "tokio",
    "futures",
    "async ",
    ".await",
    "Mutex",
    "RwLock",
    "Atomic",
    "Condvar",
    "mpsc",
    "Instant",
    "SystemTime",
    "thread",
    "RandomState",
    "rand::",
    "Waker",
    "println!",
    "cfg(target",
];

fn sources() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/proto");
    let files = std::fs::read_dir(folder).expect("the machine's folder");
    files.map(|file| file.expect("a file").path()).collect()
}

/// Returns a file's code without its tests and comments.
fn code(file: &Path) -> String {
    let text = std::fs::read_to_string(file).expect("a source file");
    let code = text.split("#[cfg(test)]").next().unwrap_or_default();
    code.lines()
        .map(|line| line.split("//").next().unwrap_or_default().to_owned() + "\n")
        .collect()
}

#[test]
fn machine_has_no_runtime_clock_or_io() {
    let sources = sources();
    assert!(sources.len() > 15, "{sources:?}");
    for file in sources
        .iter()
        .filter(|file| !file.ends_with("message_tests.rs"))
    {
        let code = code(file);
        for line in code
            .lines()
            .filter_map(|line| line.trim().strip_prefix("use "))
        {
            let allowed = ALLOWED.iter().any(|allowed| line.starts_with(allowed));
            assert!(allowed, "{}: use {line}", file.display());
        }
        for word in FORBIDDEN {
            assert!(!code.contains(word), "{}: {word}", file.display());
        }
        // The standard hasher is seeded at random.
        let keyed = code.matches("HashMap<").count() + code.matches("HashSet<").count();
        assert_eq!(
            keyed,
            code.matches("BuildHasherDefault<").count(),
            "{}",
            file.display()
        );
    }
}
