//! What the machine depends on.

use std::process::Command;

/// The crates that a program gets with the machine: no runtime, no futures, nothing of wasm.
const ALLOWED: &[&str] = &[
    "roam-proto",
    "bytes",
    "hashbrown",
    "rustc-hash",
    "serde",
    "serde_core",
    "thiserror",
];

#[test]
fn no_runtime_is_among_the_dependencies() {
    let tree = Command::new(env!("CARGO"))
        .args(["tree", "--package", "roam-proto", "--all-features"])
        .args(["--edges", "normal,no-proc-macro", "--prefix", "none"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(tree.status.success(), "{tree:?}");
    let lines = String::from_utf8(tree.stdout).unwrap();
    let found: Vec<_> = lines
        .lines()
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    assert_eq!(found.first(), Some(&"roam-proto"));
    for package in found {
        assert!(ALLOWED.contains(&package), "{package} is not allowed");
    }
}
