//! Files that hold what something was, to be compared with what it is.

use std::fs;
use std::path::Path;

/// Compares with a file in `tests/golden`.
///
/// `ROAM_BLESS=1 cargo test -p roam-codegen` writes the files anew.
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
        "{name} is not what it was; ROAM_BLESS=1 writes it anew"
    );
}
