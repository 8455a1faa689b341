//! Writes the TypeScript bindings of the demo's services, which the page imports.

use std::io;

fn main() -> io::Result<()> {
    for (service, path) in web_demo::bindings() {
        let changed = roam_codegen::write(service, &path)?;
        let how = if changed { "written" } else { "up to date" };
        println!("{}: {how}", path.display());
    }
    Ok(())
}
