//! Makes sure that there is a folder to take the page from, also before the page was built.

use std::{fs, io};

const PAGE: &str = "page/dist";

fn main() -> io::Result<()> {
    fs::create_dir_all(PAGE)?;
    // Building the page anew makes files with other names, which the compiler does not notice.
    println!("cargo::rerun-if-changed={PAGE}");
    Ok(())
}
