//! Comparison with golden files.

use std::fs;
use std::path::Path;

/// Asserts that `text` equals the file `name` in `tests/golden`.
///
/// `ROAM_BLESS=1 cargo test -p roam-codegen` updates the files.
pub(crate) fn check(name: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden")
        .join(name);
    if std::env::var_os("ROAM_BLESS").is_some() {
        fs::write(&path, text).unwrap();
    }
    let written = fs::read_to_string(&path).unwrap();
    assert_eq!(
        text, written,
        "{name} differs from the golden file; set ROAM_BLESS=1 to update it"
    );
}
