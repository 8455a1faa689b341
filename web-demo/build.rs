//! Creates the folder the page is embedded from, in case the page has not been built yet.

use std::{fs, io};

const PAGE: &str = "page/dist";

fn main() -> io::Result<()> {
    fs::create_dir_all(PAGE)?;
    // Rebuilding the page changes file names, which the compiler does not notice.
    println!("cargo::rerun-if-changed={PAGE}");
    Ok(())
}
